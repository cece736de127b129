"""The queue: PgQueuer's tables in the schema `parley_work`, as the rest of Parley sees them.

An entry has the name of its job and, if a user asked for it, two ids. What is in the queue already, under the same key,
is not added again.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import JobId

from gateway.data.pool import Pool
from gateway.data.queries import Query, sql
from gateway.data.setup.roles import WORK_SCHEMA
from gateway.work.driver import CHANNEL, QueueDriver

NAMES = DBSettings(
    prefix="",
    db_schema=WORK_SCHEMA,
    channel=CHANNEL,
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.durable,
    widen_id=False,
)
"""The names of PgQueuer's tables. All are set, because it would read the others from the environment."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a job, and the row that shows them its progress."""

    user_id: UUID
    job_id: UUID

    @property
    def key(self) -> str:
        """What tells an entry in the queue from others: two users may have jobs with the same id."""
        return f"{self.user_id} {self.job_id}"

    def payload(self) -> bytes:
        """The content of an entry in the queue."""
        return orjson.dumps({"user": str(self.user_id), "job": str(self.job_id)})

    @classmethod
    def read(cls, payload: bytes | None) -> Asked | None:
        """Who asked for an entry; None for a scheduled job."""
        if payload is None:
            return None
        ids = orjson.loads(payload)
        return cls(UUID(ids["user"]), UUID(ids["job"]))


class Queue:
    """Access to the queue over a pool whose connections may see it."""

    def __init__(self, pool: Pool, stopping: asyncio.Event | None = None) -> None:
        """With `stopping`, statements wait for a database that is away until it is set."""
        self.driver = QueueDriver(pool, stopping)
        self.library = Queries(
            self.driver, QueryBuilderEnvironment(NAMES), QueryQueueBuilder(NAMES), QuerySchedulerBuilder(NAMES)
        )

    async def add(self, name: str, asked: Asked | None = None) -> bool:
        """Add a job unless it is in the queue already. Returns whether it was added."""
        key, payload = (name, None) if asked is None else (asked.key, asked.payload())
        (id,) = await self.library.enqueue(name, payload, dedupe_key=key, headers={}, on_conflict="skip")
        return id is not None

    async def start(self, id: int) -> int:
        """Count a start of a job. Returns the number of starts, this one included."""
        rows = await self.rows(sql.work.queue.start, id=id)
        return rows[0]["starts"] if rows else 1

    async def give_back(self, id: int) -> None:
        """Undo the count of a start."""
        await self.rows(sql.work.queue.give_back, id=id)

    async def requeue_failed(self, id: int | None = None) -> list[Asked | None]:
        """Queue failed jobs again, all or one, and return who asked for each."""
        rows = await self.rows(sql.work.queue.failed, id=id)
        await self.library.requeue_jobs([JobId(row["id"]) for row in rows])
        await self.driver.wake_all()
        return [Asked.read(row["payload"]) for row in rows]

    async def forget(self, keep: datetime.timedelta, most: int) -> int:
        """Remove old entries of the library's log. Returns how many, at most `most`."""
        return len(await self.rows(sql.work.queue.forget, keep=keep, most=most))

    async def rows(self, query: Query, **values: Any) -> Sequence[dict[str, Any]]:
        """The rows of a hand-written query."""
        return await self.driver.fetch(query.text, *query.arguments(None, values))
