"""What tests of pools share: where connections lead to, callers, and those who wait."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import Any

from gateway.data.driver.connecting import connected
from gateway.data.driver.connection import StampedConnection
from gateway.data.driver.primary import Primary
from gateway.data.pool import Pool

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@dataclass(slots=True)
class Server:
    """Where new connections lead to, and how often they were made."""

    url: str
    made: int = 0

    async def connect(self) -> StampedConnection:
        self.made += 1
        return await connected(Primary(self.url), 10)


async def waiting(pool: Pool, *names: str) -> dict[str, asyncio.Task[StampedConnection]]:
    """Tasks that wait for a connection, in this order."""
    tasks = {name: asyncio.create_task(pool.take()) for name in names}
    await asyncio.sleep(0)
    return tasks


def stamp() -> tuple[Any, ...]:
    return uuid.uuid4(), None, "user"
