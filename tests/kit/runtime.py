"""The role that serves requests, without the gateway: what the database alone lets it do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.estate import Estate
from tests.kit.rows import differences, rows_of

REFUSALS = (
    asyncpg.InsufficientPrivilegeError,
    # What a trigger says first when it does not find the other row to count in, or to point to.
    asyncpg.ForeignKeyViolationError,
    # A user's feed begins with the user, and is there already.
    asyncpg.UniqueViolationError,
    # A setting that is no id.
    asyncpg.InvalidTextRepresentationError,
)


@pytest_asyncio.fixture(loop_scope="module")
async def runtime(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the role that serves requests, whose work is rolled back."""
    connection = await asyncpg.connect(database.runtime_url, server_settings={"search_path": "parley"})
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def stamp(runtime: asyncpg.Connection, user_id: str) -> None:
    await runtime.execute("SELECT set_config('app.user_id', $1, true)", user_id)


async def attempt(runtime: asyncpg.Connection, text: str, *arguments: Any) -> list[Any] | None:
    """What a statement gives; None when it is refused."""
    try:
        async with runtime.transaction():
            found: list[Any] = await runtime.fetch(text, *arguments)
            return found
    except REFUSALS:
        return None


@asynccontextmanager
async def untouched(superuser: asyncpg.Connection, runtime: asyncpg.Connection, *users: Estate) -> AsyncIterator[None]:
    """What the block does, committed, must not change a row of these users."""
    ids = [user.user_id for user in users]
    before = await rows_of(superuser, *ids)
    yield
    await runtime.execute("COMMIT")
    assert differences(before, await rows_of(superuser, *ids)) == []
    await runtime.execute("BEGIN")
