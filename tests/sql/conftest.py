"""Connections whose changes are undone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from gateway.data.setup.roles import OWNER
from tests.kit.database import Database


@pytest_asyncio.fixture(loop_scope="module")
async def undone(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection in a transaction that is rolled back."""
    connection = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def owner(undone: asyncpg.Connection) -> asyncpg.Connection:
    """The same as the role that owns Parley's tables."""
    await undone.execute(f"SET LOCAL ROLE {OWNER}")
    return undone
