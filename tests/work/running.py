"""Background jobs: what one in this process is given, and the end of one that a gateway runs."""

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
from tests.kit.serving import Client, Serving, settings_for

JOB = "id kind status done total progress downloadUrl"
NOW = f"query($id: ID!) {{ job(id: $id) {{ {JOB} }} viewer {{ feedCursor }} }}"
NEXT = f"subscription($after: Cursor) {{ jobChanged(after: $after) {{ job {{ {JOB} }} }} }}"


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


def working_for(serving: Serving, user: Client) -> Work:
    """What a job of a user is given, on the connections of the gateway and with its vault."""
    parts = serving.gateway.resources
    settings = settings_for(Path("/unused"))
    shared = Resources(parts.pool, settings, lambda _: None, asyncio.Event(), vault=parts.vault)
    return Work(shared, user_id=uuid.UUID(user.user_id))


async def ended(user: Client, id: str) -> dict[str, Any]:
    """A job of the user, once it is done or has failed."""
    now = await user.data(NOW, id=id)
    job: dict[str, Any] = now["job"]
    async with user.socket() as socket, asyncio.timeout(60):
        changes = await socket.subscribe(NEXT, after=now["viewer"]["feedCursor"])
        while job["status"] not in ("DONE", "FAILED"):
            changed = (await anext(changes))["jobChanged"]["job"]
            if changed["id"] == id:
                job = changed
    return job
