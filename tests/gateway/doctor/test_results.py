"""A report fits a terminal, and its commands can be pasted."""

from __future__ import annotations

import datetime
import io

import pytest
from rich.console import Console

from gateway.doctor.checks.structure import invalid_indexes
from gateway.doctor.finding import Finding, note, warning
from gateway.doctor.results import MOST_SHOWN, Report, Result
from gateway.doctor.units import duration, number, size

SQL = f"REINDEX INDEX CONCURRENTLY parley.{'long' * 20};"
WIDTH = 60


def report(*findings: Finding, not_checked: str | None = None) -> Report:
    """A report of one check."""
    now = datetime.datetime.now(datetime.UTC)
    return Report("0.1.0", now, "127.0.0.1/parley", "psql url", (Result(invalid_indexes, findings, not_checked),))


def printed(of: Report, *, terminal: bool) -> str:
    """What is printed, without styles."""
    file = io.StringIO()
    of.print(Console(file=file, width=WIDTH, force_terminal=terminal, color_system=None, highlight=False))
    return file.getvalue()


def test_text_is_broken_within_its_column_and_a_command_is_not() -> None:
    lines = printed(report(warning("word " * 30, sql=SQL)), terminal=True).splitlines()
    (command,) = [line for line in lines if SQL in line]
    assert all(len(line) <= WIDTH for line in lines if line != command)
    words = [line for line in lines if "word" in line]
    assert len(words) > 1
    assert {len(line) - len(line.lstrip()) for line in words} == {15}


def test_outside_of_a_terminal_a_finding_is_one_line() -> None:
    text = printed(report(warning("word " * 30, sql=SQL)), terminal=False)
    assert f"{'word ' * 30}".strip() in text
    assert f"  {SQL}\n" in text
    assert text.endswith("0 errors, 1 warning, 0 notes; 0 checks could not be made.\nRun SQL with: psql url\n")


def test_many_findings_are_counted() -> None:
    text = printed(report(*[note(f"number {n}.") for n in range(MOST_SHOWN + 3)]), terminal=False)
    assert f"number {MOST_SHOWN - 1}." in text
    assert f"number {MOST_SHOWN}." not in text
    assert "… and 3 more." in text


def test_check_that_was_not_made_is_not_among_the_others() -> None:
    text = printed(report(not_checked="There is no way."), terminal=False)
    assert "Structure" not in text
    assert "\nNot checked\n  Invalid indexes\n    There is no way.\n" in text
    assert report(not_checked="There is no way.").exit_status == 0


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1023, "1,023 bytes"), (1536, "1.5 kB"), (20 * 1024**3, "20 GB")]
)
def test_sizes_are_readable(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "0.2 seconds"), (90, "90 seconds"), (7200, "2 hours"), (9 * 86_400, "9 days")]
)
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == duration(datetime.timedelta(seconds=seconds)) == text


def test_numbers_have_their_plural() -> None:
    assert [number(count, "error") for count in (0, 1, 2000)] == ["0 errors", "1 error", "2,000 errors"]
