"""What a check is.

A check is an asynchronous generator of findings. Its module is its group, its name is the function's name, which stays
the same in later versions, and its title is what people read:

    @check("Invalid indexes")
    async def invalid_indexes(installation: Installation) -> Findings:
        ...
        yield warning("The index … is not valid.", sql="REINDEX INDEX CONCURRENTLY …;")
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from types import ModuleType

from gateway.doctor.finding import Finding
from gateway.doctor.installation import Installation

Findings = AsyncGenerator[Finding, None]
Run = Callable[[Installation], Findings]


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    group: str
    name: str
    title: str
    run: Run


def check(title: str) -> Callable[[Run], Check]:
    """Make a generator of findings a check of its module's group."""
    return lambda run: Check(run.__module__.rpartition(".")[2], run.__name__, title, run)


def checks_of(modules: Iterable[ModuleType]) -> tuple[Check, ...]:
    """The checks of these modules, in the order in which they are written."""
    return tuple(each for module in modules for each in vars(module).values() if isinstance(each, Check))
