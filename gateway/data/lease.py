"""Ends work that was abandoned: messages that grow and tools that run whose leases nobody renews any more.

Every process does this. The database decides what is abandoned, one user at a time, and no two processes end the same
work. Whoever watches is told as of any other change, by the feed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from uuid import UUID

import asyncpg
import structlog

from gateway.data.pool import Pool
from gateway.data.queries import sql
from gateway.errors import ParleyError

_log = structlog.get_logger(__name__)

_LOOKS = 8
"""In the length of a lease: what is abandoned ends an eighth of it late at most."""


async def keep_ending_abandoned_work(pool: Pool, lease_seconds: float, committed: Callable[[UUID], None]) -> None:
    """End what is abandoned, now and again, and name its users to `committed`. Runs until it is cancelled."""
    while True:
        try:
            while user_ids := await _end_some(pool):
                for user_id in user_ids:
                    committed(user_id)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ParleyError) as error:
            _log.warning("leases.look_failed", error=type(error).__name__)
        # Processes that were started together look at different times.
        await asyncio.sleep(lease_seconds / _LOOKS * random.uniform(0.5, 1))  # noqa: S311


async def _end_some(pool: Pool) -> set[UUID]:
    async with pool.connection() as connection:
        ended = await connection.fetch(sql.feed.lease.end_abandoned_work.text)
    for row in ended:
        _log.info("leases.work_ended", kind=row["ended_kind"], id=str(row["ended_id"]))
    return {row["ended_user_id"] for row in ended}
