"""Feeds written by the superuser, without the triggers: any length, epoch and state."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import asyncpg

from gateway.feed.changes import Change, FeedCursor
from gateway.feed.hub import Hub

_APPEND = """
WITH moved AS (
    UPDATE parley.feeds SET version = version + $2 WHERE user_id = $1 RETURNING version
)
INSERT INTO parley.changes (user_id, version, entity, entity_id, op, data, at)
SELECT $1, number, 'messages', gen_random_uuid(), 'insert', '{}', clock_timestamp()
FROM moved, generate_series(moved.version - $2 + 1, moved.version) AS number
"""


async def followed(hub: Hub, user_id: uuid.UUID, after: FeedCursor | None) -> AsyncGenerator[Change, None]:
    """What a follower hears, change by change."""
    async with aclosing(hub.follow(user_id, after)) as together:
        async for changes in together:
            for change in changes:
                yield change


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
