"""`parley jobs`: shows the queue and the schedule, queues failed jobs again, and runs a job now."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from gateway.config import Settings
from gateway.data.driver.stamp import Stamp
from gateway.data.pool import Pool
from gateway.data.queries import sql
from gateway.data.server.opening import check, reached_database
from gateway.data.tenancy import Tenant
from gateway.refusal import Refusal
from gateway.telemetry.table import aligned
from gateway.work.declaration import JobDeclaration
from gateway.work.driver import SEES_THE_QUEUE
from gateway.work.queue import Queue

HEADINGS = ("ID", "JOB", "STATUS", "TRIES", "SINCE", "REASON")
SCHEDULE_HEADINGS = ("SCHEDULED", "WHEN (UTC)", "NEXT RUN", "LAST RUN")
MOST_LISTED = 200
STATUS = {"picked": "running"}
"""What the library calls a status that has another name here."""


class NoSuchJob(Refusal):
    """No job has this name, or no failed job has this id."""


async def listed(settings: Settings, jobs: Mapping[str, JobDeclaration]) -> str:
    """The failed, running and queued jobs, and the schedule, as text."""
    async with _queue(settings) as (queue, _):
        entries = await queue.rows(sql.work.queue.entries, most=MOST_LISTED)
        schedules = {row["name"]: row for row in await queue.rows(sql.work.queue.schedules)}
    shown = [
        (
            str(row["id"]),
            row["name"],
            STATUS.get(row["status"], row["status"]),
            str(row["starts"]),
            _time(row["created"]),
            row["reason"] or "",
        )
        for row in entries
    ]
    lines = aligned([HEADINGS, *shown]) if shown else ["The queue is empty."]
    if len(entries) == MOST_LISTED:
        lines.append(f"Only the first {MOST_LISTED} are shown.")
    scheduled = [
        (each.name, each.schedule, _time(known.get("next_run")), _time(known.get("last_run")))
        for each in sorted(jobs.values(), key=lambda each: each.name)
        if each.schedule is not None
        for known in (schedules.get(each.name, {}),)
    ]
    return "\n".join([*lines, "", *aligned([SCHEDULE_HEADINGS, *scheduled])])


async def retry(settings: Settings, id: int | None) -> str:
    """Queue failed jobs again, one or all, with all their tries. Raises `NoSuchJob` if there is none."""
    async with _queue(settings) as (queue, pool):
        requeued = await queue.requeue_failed(id)
        if id is not None and not requeued:
            raise NoSuchJob(f"No failed job has the number {id}. List them: parley jobs")
        for asked in requeued:
            if asked is not None:
                tenant = Tenant(pool, Stamp(asked.user_id, None, "system"), committed=lambda _: None)
                async with tenant.transaction() as db:
                    await db.row(sql.work.job.requeue, id=asked.job_id)
                await tenant.close()
    return f"Queued {len(requeued)} failed job{'' if len(requeued) == 1 else 's'} again."


async def run_now(settings: Settings, jobs: Mapping[str, JobDeclaration], name: str) -> str:
    """Enqueue a scheduled job now. Raises `NoSuchJob` if there is none of this name."""
    known = sorted(each.name for each in jobs.values() if each.schedule is not None)
    if name not in known:
        raise NoSuchJob(f"There is no scheduled job {name!r}. There are: {', '.join(known)}")
    async with _queue(settings) as (queue, _):
        added = await queue.add(name)
    return f"Queued {name}." if added else f"{name} is in the queue already."


@asynccontextmanager
async def _queue(settings: Settings) -> AsyncIterator[tuple[Queue, Pool]]:
    async with reached_database(settings) as database:
        await check(database)
        pool = await Pool.open(database.runtime_url, size=1, wait_seconds=10, server_settings=SEES_THE_QUEUE)
        try:
            yield Queue(pool), pool
        finally:
            await pool.close()


def _time(at: datetime.datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
