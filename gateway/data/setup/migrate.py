"""Brings a database to the schema that this Parley was written for: `sql/migrations/NNNN_name.sql`, forward
only.

Each file is one transaction as `parley_owner`, together with the note that it was applied; a file that cannot
run in a transaction starts with the line `-- no transaction`. Any number of processes may start at once: one
migrates and the others wait for it. A migration that cannot get a lock gives way to the requests that hold
it, and tries again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from gateway.data.driver.primary import Primary
from gateway.data.setup.migration import (
    Applied,
    Migration,
    MigrationError,
    failure,
    outstanding,
    read_migrations,
)
from gateway.data.setup.powers import with_powers
from gateway.data.setup.roles import OWNER, SCHEMA, RuntimeRole, prepare_roles

ADVISORY_LOCK = 0x5041524C45590001
"""Held while migrating, by the session. An arbitrary number that nothing else in the database uses."""

LOCK_TIMEOUT_MS = 1000
LOCK_ATTEMPTS = 30
CONNECT_SECONDS = 10

RECORD = """
CREATE TABLE parley.migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE parley.migrations IS 'The migrations that this database has been through.';
GRANT SELECT ON parley.migrations TO parley_runtime;
"""
TAKE_LOCK = "SELECT pg_try_advisory_lock($1)"
APPLIED = "SELECT number, name, checksum FROM parley.migrations ORDER BY number"
NOTE = "INSERT INTO parley.migrations (number, name, checksum) VALUES ($1, $2, $3)"

Report = Callable[[str], None]


def silent(text: str) -> None:
    """The report that nobody reads."""


async def migrate(
    owner_url: str,
    runtime: RuntimeRole = RuntimeRole(),  # noqa: B008  # frozen
    *,
    report: Report = silent,
    directory: Path | None = None,
    lock_attempts: int = LOCK_ATTEMPTS,
) -> list[Migration]:
    """Apply what `directory` (by default Parley's own migrations) holds and the database lacks. Returns what
    it applied.

    `report` is told the name of each migration before it runs. Raises `MigrationError` and applies nothing
    further when one fails, or when files and database do not tell the same story.
    """
    migrations = read_migrations(directory)
    connection: asyncpg.Connection = await Primary(owner_url).connect(timeout=CONNECT_SECONDS)
    try:
        async with alone(connection):
            async with with_powers(connection, [runtime.name]):
                await prepare_roles(connection, runtime)
            await _as_owner(connection)
            await _prepare_record(connection)
            wanted = outstanding(migrations, await applied_migrations(connection))
            for migration in wanted:
                report(migration.name)
                await _apply(connection, migration, lock_attempts)
            return wanted
    finally:
        await connection.close()


async def pending(connection: asyncpg.Connection, directory: Path | None = None) -> list[Migration]:
    """What the database of `connection` lacks. The role that serves requests may ask.

    A database that is ahead lacks nothing: while a new version is rolled out, old processes go on beside it. Raises
    what PostgreSQL says of one that was never migrated, or to a role that was given no rights.
    """
    return outstanding(read_migrations(directory), await applied_migrations(connection), ahead_is_fine=True)


@asynccontextmanager
async def alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Nobody else migrates the database for as long as the block runs."""
    # Asked for again and again rather than waited for: a waiting statement is an old snapshot, and CREATE
    # INDEX CONCURRENTLY in the process that migrates would wait for it, and it for that process.
    while not await connection.fetchval(TAKE_LOCK, ADVISORY_LOCK):  # noqa: ASYNC110
        await asyncio.sleep(random.uniform(0.05, 0.25))  # noqa: S311
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("RESET ALL; RESET ROLE")
            await connection.execute("SELECT pg_advisory_unlock_all()")


async def _as_owner(connection: asyncpg.Connection) -> None:
    await connection.execute(
        f"SET ROLE {OWNER}; SET search_path = {SCHEMA}; SET statement_timeout = 0; SET lock_timeout = {LOCK_TIMEOUT_MS}"
    )


async def _prepare_record(connection: asyncpg.Connection) -> None:
    if await connection.fetchval("SELECT to_regclass($1)", f"{SCHEMA}.migrations") is None:
        await connection.execute(RECORD)


async def applied_migrations(connection: asyncpg.Connection) -> list[Applied]:
    """The migrations that the database has been through, in order."""
    rows = await connection.fetch(APPLIED)
    return [Applied(row["number"], row["name"], row["checksum"]) for row in rows]


async def _apply(connection: asyncpg.Connection, migration: Migration, attempts: int) -> None:
    for attempt in range(1, attempts + 1):
        try:
            if migration.transactional:
                async with connection.transaction():
                    await _run(connection, migration, [migration.text])
            else:
                await _run(connection, migration, migration.statements())
            return
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if attempt == attempts:
                raise MigrationError(
                    f"Migration {migration.name} was refused a lock {attempts} times: "
                    f"other sessions are in its way. It changed nothing. ({error})"
                ) from error
            await asyncio.sleep(random.uniform(0.5, 1.0) * min(5.0, 0.1 * 2**attempt))  # noqa: S311
        except asyncpg.PostgresError as error:
            raise failure(migration, error) from error


async def _run(connection: asyncpg.Connection, migration: Migration, statements: Sequence[str]) -> None:
    for statement in statements:
        await connection.execute(statement)
    await connection.execute(NOTE, migration.number, migration.name, migration.checksum)
