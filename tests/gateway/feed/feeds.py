"""Feeds written by the superuser, without the triggers: any length, epoch and state."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

import asyncpg

_APPEND = """
WITH moved AS (
    UPDATE parley.feeds SET version = version + $2 WHERE user_id = $1 RETURNING version
)
INSERT INTO parley.changes (user_id, version, entity, entity_id, op, data, at)
SELECT $1, number, 'messages', gen_random_uuid(), 'insert', '{}', clock_timestamp()
FROM moved, generate_series(moved.version - $2 + 1, moved.version) AS number
"""


@dataclass(slots=True)
class Feed:
    """One user's feed."""

    connection: asyncpg.Connection
    user_id: uuid.UUID = field(default_factory=uuid.uuid4)

    async def begin(self) -> None:
        """Make it, empty."""
        await self.connection.execute("INSERT INTO parley.feeds (user_id) VALUES ($1)", self.user_id)

    async def append(self, count: int = 1) -> None:
        """Commit so many changes at once."""
        await self.connection.execute(_APPEND, self.user_id, count)

    async def raise_epoch(self) -> None:
        """Declare that commits may have been lost."""
        await self.connection.execute("UPDATE parley.feeds SET epoch = epoch + 1 WHERE user_id = $1", self.user_id)

    async def prune(self, version: int) -> None:
        """Keep only what comes after a version."""
        await self.connection.execute(
            "DELETE FROM parley.changes WHERE user_id = $1 AND version <= $2", self.user_id, version
        )
        await self.connection.execute("UPDATE parley.feeds SET pruned = $2 WHERE user_id = $1", self.user_id, version)
