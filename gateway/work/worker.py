"""The loop of one process that runs jobs, a few at a time, and enqueues the scheduled ones.

Any number of processes may run it. The queue gives each job to one of them, and each moment of a schedule to one. A
process renews its claims. If it dies, another one takes its jobs over when their lease is over.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.models import Schedule

from gateway.data.driver.failure import ERRORS
from gateway.data.queries import sql
from gateway.errors import ParleyError
from gateway.work.counts import Waiting, WorkCounts
from gateway.work.declaration import JobDeclaration
from gateway.work.driver import CHANNEL
from gateway.work.queue import Asked, Queue
from gateway.work.runner import GaveUp, Runner
from gateway.work.work import Resources

_log = structlog.get_logger(__name__)

# It would log each failure of a job a second time, under a text that is about the library.
logging.getLogger("pgqueuer").addFilter(lambda record: not (record.exc_info and record.exc_info[0] is GaveUp))

POLLS_PER_LEASE = 2
"""How often the queue is looked at without a notification, such as for the jobs of processes that have died."""
LOST_SECONDS = 60.0
"""How often users' jobs without an entry in the queue are looked for, and how old they must be."""
COUNT_SECONDS = 15.0
FINISH_SECONDS = 5.0
"""Time for a batch to end when the process stops. Then the job is interrupted."""
AGAIN_SECONDS = 1.0


@asynccontextmanager
async def working(
    url: str, shared: Resources, jobs: Mapping[str, JobDeclaration], counts: WorkCounts
) -> AsyncIterator[None]:
    """Run jobs for the duration of the block. At its end, running jobs stop after their batch; others go on with them.

    `url` is that of the role whose connections `shared` has.
    """
    async with AsyncExitStack() as stack:
        queue = Queue(shared.pool, shared.stopping)
        await stack.enter_async_context(_task(lambda: queue.driver.keep_listening(url)))
        await stack.enter_async_context(_task(lambda: _keep_finding_lost(queue, jobs)))
        if shared.settings.metrics_port is not None:
            await stack.enter_async_context(_task(lambda: _keep_counting(queue, counts)))
        manager = _manager(queue, shared, jobs, counts)
        scheduler = _scheduler(queue, jobs)
        manager.shutdown = scheduler.shutdown = shared.stopping
        loop = asyncio.create_task(_keep_running(queue, manager, scheduler, shared))
        try:
            yield
        finally:
            shared.stopping.set()
            await asyncio.wait([loop], timeout=FINISH_SECONDS)
            loop.cancel()
            await asyncio.wait([loop])


def _manager(queue: Queue, shared: Resources, jobs: Mapping[str, JobDeclaration], counts: WorkCounts) -> QueueManager:
    manager = QueueManager(queue.library, CHANNEL)
    for declared in jobs.values():
        manager.register_executor(declared.name, Runner(declared, queue, shared, counts))
    return manager


def _scheduler(queue: Queue, jobs: Mapping[str, JobDeclaration]) -> SchedulerManager:
    scheduler = SchedulerManager(queue.library)

    async def enqueue(schedule: Schedule) -> None:
        await queue.add(schedule.entrypoint)

    for declared in jobs.values():
        if declared.schedule is not None:
            scheduler.schedule(declared.name, declared.schedule)(enqueue)
    return scheduler


async def _keep_running(queue: Queue, manager: QueueManager, scheduler: SchedulerManager, shared: Resources) -> None:
    """Run both loops until the process stops. The driver waits for a database that is away, so they should not fail."""
    lease = datetime.timedelta(seconds=shared.settings.work_lease_seconds)
    concurrency = shared.settings.work_concurrency
    while not shared.stopping.is_set():
        queue.driver.forget_listeners()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(
                    manager.run(
                        dequeue_timeout=lease / POLLS_PER_LEASE,
                        batch_size=concurrency // 2,
                        max_concurrent_tasks=concurrency,
                        heartbeat_timeout=lease,
                        log_aggregation_interval=datetime.timedelta(0),
                    )
                )
                if scheduler.registry:
                    group.create_task(scheduler.run())
        except* Exception as errors:  # noqa: BLE001 - background work must not end with one failure
            _log.error("work.broke_off", errors=[type(error).__name__ for error in errors.exceptions])
            await asyncio.sleep(AGAIN_SECONDS)


async def _keep_finding_lost(queue: Queue, jobs: Mapping[str, JobDeclaration]) -> None:
    """Enqueue users' jobs that have no entry in the queue."""
    while True:
        await asyncio.sleep(LOST_SECONDS)
        for row in await queue.rows(sql.work.job.waiting, longer_than=datetime.timedelta(seconds=LOST_SECONDS)):
            if row["job_kind"] in jobs:
                await queue.add(row["job_kind"], Asked(row["job_user_id"], row["job_id"]))
                _log.info("work.found_lost", job=row["job_kind"], id=str(row["job_id"]))


async def _keep_counting(queue: Queue, counts: WorkCounts) -> None:
    """Keep the numbers of the whole queue, for the metrics."""
    while True:
        counts.waiting = waiting(await queue.rows(sql.work.queue.counts))
        await asyncio.sleep(COUNT_SECONDS)


def waiting(rows: Any) -> Mapping[str, Waiting]:
    """The numbers of the queue, by the name of the job."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        each = found.setdefault(row["name"], {})
        each[{"picked": "running"}.get(row["status"], row["status"])] = row["number"]
        each["oldest_seconds"] = max(each.get("oldest_seconds", 0.0), float(row["seconds"]))
    return {name: Waiting(**values) for name, values in found.items()}


@asynccontextmanager
async def _task(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run a background task for the duration of the block, and again whenever it fails."""

    async def go_on() -> None:
        while True:
            try:
                await work()
            except (ParleyError, *ERRORS) as error:
                _log.error("work.task_broke_off", error=type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
