"""The accounts of a session of runs, as Markdown."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from dataclasses import fields

from tests.faults.history import Outcome
from tests.faults.report.account import Account

_MOST_SHOWN = 20


def written_out(accounts: Sequence[Account], command: str, seed: int, today: datetime.date, load: float) -> str:
    """The whole text."""
    head = (
        f"# Faults\n\nMade on {today} by `{command}`, seed {seed}, on {os.cpu_count()} cores shared by clients, "
        f"gateways and PostgreSQL (Python {platform.python_version()}, load before the run {load:.1f})."
    )
    return "\n\n".join([head, _WHAT, _verdicts(accounts), *map(_section, accounts)]) + "\n"


_WHAT = """\
Gateways are processes of their own (`parley serve`) on one PostgreSQL with its usual settings. Eight writers add
messages, one after the other each, and send a message again, with the same id, until they know what became of it; or
give up, and then it is unknown. 30 followers, where nothing else is said, resume with their last cursor at any of the
gateways. Afterwards the checker (`history.py`) compares each call, the tables and what each follower saw:

- **lost**: acknowledged and not stored, or stored and not seen by one of the followers;
- **doubled**: stored twice, or seen twice by one follower;
- **out of order**: seen after what was committed later, or stored before what had ended when it was begun;
- **other**: stored although it was refused or never written, seen otherwise than it is stored, gaps in the numbers, a
  growing message whose watchers did not get its text whole and once.

Delays are from the beginning of a message's transaction until a follower has it, by one clock, outages included."""


def _verdicts(accounts: Sequence[Account]) -> str:
    rows = [
        "| run | acknowledged | refused | unknown | events stored | events seen "
        "| lost | doubled | out of order | other | delay p50 | p99 | longest | minutes |",
        "| --- |" + " ---: |" * 13,
    ]
    for account in accounts:
        verdict = account.verdict
        other = len(verdict.invented) + len(verdict.divided) + len(verdict.gaps)
        numbers = [
            *(account.outcomes[outcome] for outcome in Outcome),
            account.stored,
            account.seen,
            len(verdict.lost),
            len(verdict.doubled),
            len(verdict.disordered),
            other,
        ]
        delays = [f"{account.delay(part):.2f} s" for part in (0.5, 0.99, 1)]
        cells = [account.name, *(f"{number:,}" for number in numbers), *delays, f"{account.seconds / 60:.1f}"]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _section(account: Account) -> str:
    lines = [f"- {what}: {count:,}" for what, count in account.counts.items()]
    lines += [f"- {what}: **{figure}**" for what, figure in account.figures.items()]
    if account.broke_off:
        lines.append(f"- **broke off: {account.broke_off}**")
    found = [f"{each.name}: {what}" for each in fields(account.verdict) for what in getattr(account.verdict, each.name)]
    lines += [f"- **{each}**" for each in found[:_MOST_SHOWN]]
    return f"## {account.name[0].upper()}{account.name[1:]}\n\n" + "\n".join(lines)
