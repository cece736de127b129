"""Runs one job: counts its start, lets it work, and records how it ended.

A job that fails runs again later, up to its tries. The starts are counted before the job begins, so one that kills its
process gives up as well. What failed for good stays in the queue until an operator queues it again.
"""

from __future__ import annotations

import asyncio
import datetime
from contextlib import suppress
from time import perf_counter

import orjson
import structlog
from pgqueuer.core.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Context, Job

from gateway.data.driver.failure import ERRORS
from gateway.data.queries import Query, sql
from gateway.errors import Conflict, Forbidden, Invalid, NotFound, ParleyError
from gateway.telemetry.complaint import Faults
from gateway.work.counts import WorkCounts
from gateway.work.declaration import JobDeclaration
from gateway.work.queue import Asked, Queue
from gateway.work.work import Cancelled, Resources, Stopping, Work

_log = structlog.get_logger(__name__)

FINAL = (Invalid, NotFound, Conflict, Forbidden)
"""Errors that another try would meet again."""

_faults = Faults()


class GaveUp(Exception):
    """A job has failed for good. The message is shown to operators, and contains nothing that people wrote."""


class Runner(AbstractEntrypointExecutor):
    """Runs the jobs of one declaration."""

    def __init__(self, declared: JobDeclaration, queue: Queue, shared: Resources, counts: WorkCounts) -> None:
        super().__init__(
            EntrypointExecutorParameters(
                concurrency_limit=0, func=self._unused, accepts_context=False, on_failure="hold"
            )
        )
        self._declared = declared
        self._queue = queue
        self._shared = shared
        self._counts = counts

    async def execute(self, job: Job, context: Context) -> None:
        """Run a job from the queue. Raises `RetryRequested` to run it again, and `GaveUp` if it has failed for good."""
        declared, name, counts = self._declared, self._declared.name, self._counts
        began = perf_counter()
        counts.running[name] += 1
        try:
            await self._run(job)
        except (RetryRequested, GaveUp) as ended:
            (counts.failed if isinstance(ended, GaveUp) else counts.retried)[name] += 1
            raise
        except (Stopping, asyncio.CancelledError):
            # The library would drop a job that is cancelled. Whoever takes it next goes on with it.
            with suppress(ParleyError, *ERRORS):
                await self._queue.give_back(job.id)
            raise RetryRequested(datetime.timedelta(0), "its process stopped") from None
        else:
            counts.done[declared.name] += 1
        finally:
            counts.running[name] -= 1
            counts.durations[name].add(perf_counter() - began)

    async def _run(self, job: Job) -> None:
        asked = Asked.read(job.payload)
        starts = await self._queue.start(job.id)
        if starts > self._declared.tries:
            await self._give_up(asked, f"Its process died or it failed in each of {self._declared.tries} tries.")
        try:
            await self._work(asked, starts)
        except Stopping:
            raise
        except FINAL as error:
            await self._give_up(asked, error.message)
        except Exception as error:  # noqa: BLE001 - whatever a job fails with, it is tried again
            await self._fail(asked, starts, error)

    async def _work(self, asked: Asked | None, starts: int) -> None:
        if asked is None:
            await self._declared.handler(Work(self._shared))
            return
        work = Work(self._shared, user_id=asked.user_id, job_id=asked.job_id)
        async with work.transaction() as db:
            row = await db.row(sql.work.job.start, id=asked.job_id, attempts=starts)
        if row is None:
            return
        work.done = row["done"]
        work.parameters = orjson.loads(row["parameters"])
        try:
            await self._declared.handler(work)
        except Cancelled:
            return
        async with work.transaction() as db:
            await db.row(sql.work.job.progress, id=asked.job_id, done=work.done, total=None)
            await db.row(sql.work.job.finish, id=asked.job_id, status="done", error=None)

    async def _fail(self, asked: Asked | None, starts: int, error: Exception) -> None:
        """Put the job off until its next try, or give up if this was the last one."""
        name, kind = self._declared.name, type(error).__name__
        reference, suppressed = _faults.record(f"{name} {kind}")
        if starts >= self._declared.tries:
            _log.error("work.failed", job=name, tries=starts, reference=reference, exc_info=error)
            reason = error.message if isinstance(error, ParleyError) else f"An internal error ({reference})."
            await self._give_up(asked, f"It failed in each of {starts} tries. The last reason: {reason}", kind)
        if suppressed is not None:
            _log.warning("work.tried", job=name, start=starts, reference=reference, exc_info=error)
        delay = self._declared.delay(starts)
        if asked is not None:
            await self._note(asked, sql.work.job.put_off, delay=delay)
        raise RetryRequested(delay, f"{kind} ({reference})") from None

    async def _give_up(self, asked: Asked | None, reason: str, kind: str = "") -> None:
        if asked is not None:
            await self._note(asked, sql.work.job.finish, status="failed", error=reason)
        raise GaveUp(f"{reason} ({kind})" if kind else reason) from None

    async def _note(self, asked: Asked, query: Query, **values: object) -> None:
        """Record in the user's row what has become of the job. If that fails, the next start does it."""
        work = Work(self._shared, user_id=asked.user_id, job_id=asked.job_id)
        try:
            async with work.transaction() as db:
                await db.row(query, id=asked.job_id, **values)
        except (ParleyError, *ERRORS) as error:
            _log.warning("work.not_noted", job=self._declared.name, error=type(error).__name__)

    async def _unused(self, job: Job) -> None:
        """Required by the library, which calls `execute` instead."""
