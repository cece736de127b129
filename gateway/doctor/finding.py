"""What a check finds, and how serious it is."""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

Fact = int | float | str | None


class Severity(enum.IntEnum):
    """How serious a finding is. The worst one is the exit status of the command."""

    NOTE = 0
    """Good to know. Nothing needs to be done."""
    WARNING = 1
    """To be looked at: something is slow, will run out, or is not as safe as it could be."""
    ERROR = 2
    """Unsafe or broken: `parley serve` would refuse to start, or data could be lost."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found."""

    severity: Severity
    problem: str
    """What is the case, in sentences."""
    advice: str = ""
    """What to do, in sentences."""
    sql: str = ""
    """What to do, as statements for psql, as the role of PARLEY_OWNER_URL."""
    command: str = ""
    """What to do, as a command for a shell."""
    subject: str = ""
    """What it is about, such as a table or a variable, for scripts."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """The numbers in the problem, for scripts. Sizes are in bytes and durations in seconds."""


class NotChecked(Exception):
    """A check could not be made. The message says why, and what it would take."""


note = functools.partial(Finding, Severity.NOTE)
"""Make a finding about which nothing needs to be done."""

warning = functools.partial(Finding, Severity.WARNING)
"""Make a finding that should be looked at."""

error = functools.partial(Finding, Severity.ERROR)
"""Make a finding that is unsafe or broken."""
