"""What `parley doctor` has to say, as text and as JSON."""

from __future__ import annotations

import datetime
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from gateway.doctor.check import Check
from gateway.doctor.finding import Finding, Severity
from gateway.doctor.units import number

STYLES = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "bold red", "not checked": "dim"}
WIDTH = max(map(len, STYLES)) + 2

MOST_SHOWN = 12
"""Findings of one check that are printed."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found."""

    check: Check
    findings: tuple[Finding, ...]
    not_checked: str | None = None
    """Why it could not be made, or not to its end."""

    @property
    def status(self) -> str:
        """`ok`, the worst severity in small letters, or `not checked`."""
        if self.findings:
            return max(each.severity for each in self.findings).name.lower()
        return "not checked" if self.not_checked else "ok"

    def as_json(self) -> dict[str, Any]:
        """The result with the same names in every version."""
        return {
            "group": self.check.group,
            "name": self.check.name,
            "title": self.check.title,
            "status": self.status.replace(" ", "_"),
            "notChecked": self.not_checked,
            "findings": [_finding(each) for each in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What all checks found."""

    parley: str
    at: datetime.datetime
    database: str | None
    """The hosts, the database and the role, without a password."""
    psql: str | None
    """A command that connects psql, to follow the advice."""
    results: tuple[Result, ...]

    @property
    def exit_status(self) -> int:
        """0 if there is nothing but notes, 1 with warnings, 2 with errors."""
        return max((int(each.severity) for result in self.results for each in result.findings), default=0)

    @property
    def counts(self) -> dict[str, int]:
        """How many errors, warnings and notes there are, and how many checks could not be made."""
        found = Counter(each.severity for result in self.results for each in result.findings)
        return {
            "errors": found[Severity.ERROR],
            "warnings": found[Severity.WARNING],
            "notes": found[Severity.NOTE],
            "notChecked": sum(result.not_checked is not None for result in self.results),
        }

    def as_json(self) -> bytes:
        """The whole report, for scripts."""
        facts = {
            "parley": self.parley,
            "at": self.at.isoformat(timespec="seconds"),
            "database": self.database,
            "exitStatus": self.exit_status,
            "counts": self.counts,
            "checks": [result.as_json() for result in self.results],
        }
        return orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n"

    def print(self, console: Console | None = None) -> None:
        """Print for people, to standard output: in colour in a terminal, plain lines elsewhere."""
        console = console or Console(highlight=False)
        for group, results in itertools.groupby(filter(_is_shown, self.results), lambda result: result.check.group):
            console.print(Text(f"\n{group.capitalize()}", style="bold"))
            for line in itertools.chain.from_iterable(map(_lines, results)):
                line.print(console)
        for line in self._not_checked():
            line.print(console)
        found = self.counts
        console.print(
            f"\n{number(found['errors'], 'error')}, {number(found['warnings'], 'warning')}, "
            f"{number(found['notes'], 'note')}; {number(found['notChecked'], 'check')} could not be made.",
            soft_wrap=True,
        )
        if self.psql and any(each.sql for result in self.results for each in result.findings):
            console.print(Text(f"Run SQL with: {self.psql}"), soft_wrap=True)

    def _not_checked(self) -> Iterator[_Line]:
        """What could not be checked, with each reason once."""
        titles = defaultdict(list)
        for result in self.results:
            if result.not_checked:
                titles[result.not_checked].append(result.check.title)
        if titles:
            yield _Line(Text("\nNot checked", style="bold"))
        for reason, those in titles.items():
            yield _Line(Text(", ".join(those), STYLES["not checked"]), 2)
            yield _Line(Text(reason), 4)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the report, which may be broken into several in a terminal."""

    text: Text
    indent: int = 0
    is_command: bool = False

    def print(self, console: Console) -> None:
        """Print it. A command stays in one piece, so that it can be pasted."""
        if console.is_terminal and not self.is_command:
            console.print(Padding(self.text, (0, 0, 0, self.indent)))
        else:
            console.print(Text.assemble(" " * self.indent, self.text), soft_wrap=True)


def _is_shown(result: Result) -> bool:
    return bool(result.findings) or result.not_checked is None


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.name.lower(),
        "subject": finding.subject or None,
        "problem": finding.problem,
        "advice": finding.advice or None,
        "sql": finding.sql or None,
        "command": finding.command or None,
        "facts": dict(finding.facts),
    }


def _lines(result: Result) -> Iterator[_Line]:
    yield _Line(Text.assemble((result.status.ljust(WIDTH), STYLES[result.status]), result.check.title), 2)
    for finding in result.findings[:MOST_SHOWN]:
        style = STYLES[finding.severity.name.lower()]
        yield _Line(Text(f"{finding.problem} {finding.advice}".strip(), style), WIDTH + 2)
        for command in filter(None, (finding.command, finding.sql)):
            yield _Line(Text(command, "bold"), WIDTH + 4, is_command=True)
    if (more := len(result.findings) - MOST_SHOWN) > 0:
        yield _Line(Text(f"… and {more} more. All are in parley doctor --json."), WIDTH + 2)
