"""Connect as the runtime role without the gateway, to test what the database alone allows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.estate import Estate
from tests.kit.rows import diff_rows, rows_of

REFUSALS = (
    asyncpg.InsufficientPrivilegeError,
    # A trigger raises this first if it cannot see the row that it counts in or refers to.
    asyncpg.ForeignKeyViolationError,
    # A user's feed already exists: it is created with the user.
    asyncpg.UniqueViolationError,
    # The stamp is not a UUID.
    asyncpg.InvalidTextRepresentationError,
)


@pytest_asyncio.fixture(loop_scope="module")
async def runtime(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the runtime role, inside a transaction that is rolled back after the test."""
    connection = await asyncpg.connect(database.runtime_url, server_settings={"search_path": "parley"})
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@asynccontextmanager
async def acting_as(database: Database, user_id: str | None) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the runtime role that is stamped with a user's id, for the duration of the block."""
    connection = await asyncpg.connect(database.runtime_url, server_settings={"search_path": "parley"})
    try:
        await connection.execute("SELECT set_config('app.user_id', $1, false)", user_id)
        yield connection
    finally:
        await connection.close()


async def stamp(runtime: asyncpg.Connection, user_id: str) -> None:
    """Stamp the connection with a user's id."""
    await runtime.execute("SELECT set_config('app.user_id', $1, true)", user_id)


async def attempt(runtime: asyncpg.Connection, text: str, *arguments: Any) -> list[Any] | None:
    """The rows that a statement returns, or None if it is refused."""
    try:
        async with runtime.transaction():
            rows: list[Any] = await runtime.fetch(text, *arguments)
            return rows
    except REFUSALS:
        return None


@asynccontextmanager
async def untouched(superuser: asyncpg.Connection, runtime: asyncpg.Connection, *users: Estate) -> AsyncIterator[None]:
    """Commit what the block does, and check that no row of these users has changed."""
    ids = [user.user_id for user in users]
    before = await rows_of(superuser, *ids)
    yield
    await runtime.execute("COMMIT")
    assert diff_rows(before, await rows_of(superuser, *ids)) == []
    await runtime.execute("BEGIN")
