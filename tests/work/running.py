"""Run one job of a domain to its end, in this process."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

from gateway.data.pool import Pool
from gateway.work.declaration import Handler
from gateway.work.driver import SEES_THE_QUEUE
from gateway.work.work import Resources, Work
from tests.kit.database import Database
from tests.kit.serving import settings_for


async def ran(handler: Handler, database: Database, **settings: Any) -> set[uuid.UUID]:
    """Run a scheduled job, and return the users whose subscribers it woke."""
    woken: set[uuid.UUID] = set()
    pool = await Pool.open(database.runtime_url, size=2, server_settings=SEES_THE_QUEUE)
    try:
        shared = Resources(pool, settings_for(Path("/unused"), **settings), woken.add, asyncio.Event())
        await handler(Work(shared))
    finally:
        await pool.close()
    return woken
