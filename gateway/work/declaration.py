"""Declares jobs: functions that run in the background, on a schedule or when somebody asks for them.

    @job("prune_feed", schedule="23 * * * *")
    async def prune_feed(work: Work) -> None:
        ...

A job may run more than once, because its process may die at any moment: it must have the same effect as running once,
and go on where it stopped. It works in batches that hold no lock for more than 100 ms, and calls `work.pause()` or
`work.progress()` after each.
"""

from __future__ import annotations

import datetime
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType

from gateway.schema.types.wrong_declaration import WrongDeclaration
from gateway.work.work import Work

Handler = Callable[[Work], Awaitable[None]]

NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
LONGEST_DELAY = datetime.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class JobDeclaration:
    """A job as it was declared."""

    name: str
    handler: Handler
    schedule: str | None
    tries: int
    first_delay: datetime.timedelta

    def delay(self, starts: int) -> datetime.timedelta:
        """How long to wait after this many failed starts: each time four times as long, and at most 15 minutes."""
        longer: datetime.timedelta = self.first_delay * 4 ** min(starts - 1, 12)
        return min(longer, LONGEST_DELAY)


def job(
    name: str, *, schedule: str | None = None, tries: int = 5, first_delay_seconds: float = 10
) -> Callable[[Handler], Handler]:
    """Make a function a job.

    `schedule` is a cron expression in UTC; without one, the job runs when it is enqueued. After a failure it runs
    again, at first after `first_delay_seconds`, then after four times as long, and so on. After `tries` it has failed
    for good.
    """

    def declare(handler: Handler) -> Handler:
        delay = datetime.timedelta(seconds=first_delay_seconds)
        handler.__job__ = JobDeclaration(name, handler, schedule, tries, delay)  # type: ignore[attr-defined]
        return handler

    return declare


def jobs_of(modules: Iterable[ModuleType]) -> Mapping[str, JobDeclaration]:
    """The jobs that the modules declare, by name. Raises `WrongDeclaration` if one could not run."""
    found: dict[str, JobDeclaration] = {}
    for module in modules:
        for item in vars(module).values():
            declared = getattr(item, "__job__", None)
            if isinstance(declared, JobDeclaration) and declared.handler.__module__ == module.__name__:
                _refuse_wrong(declared, found)
                found[declared.name] = declared
    return found


def _refuse_wrong(declared: JobDeclaration, found: Mapping[str, JobDeclaration]) -> None:
    from croniter import croniter  # takes 20 ms to import

    name = declared.name
    if not NAME.fullmatch(name):
        raise WrongDeclaration(
            f'The job {name!r} needs a name of up to 50 small letters, digits and underscores, such as "prune_feed".'
        )
    if name in found:
        other = found[name].handler
        raise WrongDeclaration(
            f"Two jobs are called {name!r}: {other.__module__}.{other.__qualname__} and "
            f"{declared.handler.__module__}.{declared.handler.__qualname__}. Rename one."
        )
    if not inspect.iscoroutinefunction(declared.handler):
        raise WrongDeclaration(f"The job {name!r} blocks the process. Write: async def {declared.handler.__name__}")
    if declared.schedule is not None and not croniter.is_valid(declared.schedule):
        raise WrongDeclaration(
            f"The schedule {declared.schedule!r} of the job {name!r} is not a cron expression. For every day at 3:17, "
            'write: schedule="17 3 * * *"'
        )
    if declared.tries < 1:
        raise WrongDeclaration(f"The job {name!r} has tries={declared.tries}, so it would never run. Write at least 1.")
