"""Fixtures of the feed's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from gateway.data.pool import Pool
from tests.gateway.feed.feeds import Feed
from tests.kit.database import Database


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(database: Database) -> AsyncIterator[Pool]:
    """Connections of the runtime role."""
    made = await Pool.open(database.runtime_url, size=3)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def feed(superuser: asyncpg.Connection) -> Feed:
    """A feed with nothing in it."""
    made = Feed(superuser)
    await made.begin()
    return made
