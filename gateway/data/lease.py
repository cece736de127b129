"""Ends abandoned work: streamed messages and running tools whose leases are no longer renewed.

Every process does this. The database decides what is abandoned, one user at a time, and no two processes end the same
work. Subscribers learn of it through the feed, like any other change.
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
"""Checks per lease period: abandoned work ends at most an eighth of the period late."""


async def keep_ending_abandoned_work(pool: Pool, lease_seconds: float, committed: Callable[[UUID], None]) -> None:
    """End abandoned work periodically, and call `committed` with its users. Runs until it is cancelled."""
    while True:
        try:
            while user_ids := await _end_some(pool):
                for user_id in user_ids:
                    committed(user_id)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ParleyError) as error:
            _log.warning("leases.look_failed", error=type(error).__name__)
        # Jitter, so that processes that were started together check at different times.
        await asyncio.sleep(lease_seconds / _LOOKS * random.uniform(0.5, 1))  # noqa: S311


async def _end_some(pool: Pool) -> set[UUID]:
    async with pool.connection() as connection:
        ended = await connection.fetch(sql.feed.lease.end_abandoned_work.text)
    for row in ended:
        _log.info("leases.work_ended", kind=row["ended_kind"], id=str(row["ended_id"]))
    return {row["ended_user_id"] for row in ended}
