"""Migrates a database to the schema of this version of Parley.

Migrations (`sql/migrations/NNNN_name.sql`) only go forward. Functions (`sql/functions/`) are applied again whenever
their text has changed.

Each migration runs as `parley_owner` in one transaction, which also records that it was applied. A file that cannot run
in a transaction starts with the line `-- no transaction`. Any number of processes may start at once: one migrates and
the others wait. A migration that cannot get a lock yields to the requests that hold it, and retries.

New functions are created before the migrations, because tables need them, with their bodies unchecked, because those
need the tables. Changed functions are replaced after the migrations, in one transaction. Until then the old ones keep
running, so migrations must leave the tables usable for them. If a function that creates triggers has changed, its
triggers are created anew.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from gateway.data.driver.primary import Primary
from gateway.data.setup.functions import VERSION, AppliedFunction, FunctionFile, outdated, read_functions
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
"""Held by the session while migrating. An arbitrary number that nothing else in the database uses."""

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
CREATE TABLE parley.functions (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    parley text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE parley.functions IS 'The files of functions as they were applied last.';
COMMENT ON COLUMN parley.functions.parley IS 'The version that applied it.';
GRANT SELECT ON parley.migrations, parley.functions TO parley_runtime;
"""
TAKE_LOCK = "SELECT pg_try_advisory_lock($1)"
APPLIED = "SELECT number, name, checksum FROM parley.migrations ORDER BY number"
NOTE = "INSERT INTO parley.migrations (number, name, checksum) VALUES ($1, $2, $3)"
APPLIED_FUNCTIONS = "SELECT name, checksum, parley FROM parley.functions"
NOTE_FUNCTION = """
INSERT INTO parley.functions (name, checksum, parley) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, parley = excluded.parley, applied_at = now()
"""
MAKERS = tuple(f"functions/{name}/" for name in ("audit", "joins", "removal", "rollups", "rules", "tables"))
"""The directories of functions that create triggers for tables."""
MADE = """
SELECT substring(obj_description(oid, 'pg_proc') FROM '^Made by (SELECT .*;)$') AS call
FROM pg_proc
WHERE pronamespace = 'parley'::regnamespace AND obj_description(oid, 'pg_proc') LIKE 'Made by SELECT %;'
ORDER BY proname
"""
"""The calls that created the trigger functions. Each function has its call as its comment."""
REFUSED_A_LOCK = (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
NOT_FOR_ALL = "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"
"""Functions that the serving role may call are granted to it one by one."""

Report = Callable[[str], None]


def silent(text: str) -> None:
    """Report nothing."""


async def migrate(
    owner_url: str,
    runtime: RuntimeRole = RuntimeRole(),  # noqa: B008  # frozen
    *,
    report: Report = silent,
    directory: Path | None = None,
    functions: Path | None = None,
    lock_attempts: int = LOCK_ATTEMPTS,
) -> list[Migration | FunctionFile]:
    """Apply the migrations and functions that the database lacks, and return them.

    `directory` has the migrations (by default Parley's own) and `functions` the functions (by default Parley's own, but
    none for another `directory`). `report` is called with the name of each migration before it runs. Raises
    `MigrationError` and applies nothing further if one fails, or if the files and the database disagree.
    """
    migrations, files = read_migrations(directory), _functions_of(directory, functions)
    connection: asyncpg.Connection = await Primary(owner_url).connect(timeout=CONNECT_SECONDS)
    try:
        async with alone(connection):
            async with with_powers(connection, [runtime.name]):
                await prepare_roles(connection, runtime)
            await _as_owner(connection)
            await _prepare_record(connection)
            wanted = outstanding(migrations, await applied_migrations(connection))
            known = await _applied_functions(connection)
            changed = outdated(files, known)
            if wanted or changed:
                names = {one.name for one in known}
                # Migrations call what is new, and makers as they are now.
                await _make_new(
                    connection, [file for file in changed if file.name not in names or file.name.startswith(MAKERS)]
                )
                for migration in wanted:
                    report(migration.name)
                    await _apply(connection, migration, lock_attempts)
                await _replace(connection, changed, lock_attempts)
            return [*wanted, *changed]
    finally:
        await connection.close()


async def pending(
    connection: asyncpg.Connection, directory: Path | None = None, functions: Path | None = None
) -> list[Migration | FunctionFile]:
    """The migrations and functions that the database lacks. The serving role may call this.

    A database that is ahead lacks nothing: during a rollout, old processes keep running beside the new version. Raises
    PostgreSQL's error if the database was never migrated, or the role has no privileges.
    """
    migrations, files = read_migrations(directory), _functions_of(directory, functions)
    wanted = outstanding(migrations, await applied_migrations(connection), ahead_is_fine=True)
    return [*wanted, *outdated(files, await _applied_functions(connection), ahead_is_fine=True)]


def _functions_of(directory: Path | None, functions: Path | None) -> list[FunctionFile]:
    return [] if directory is not None and functions is None else read_functions(functions)


@asynccontextmanager
async def alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Ensure that no other process migrates the database while the block runs."""
    # Polls instead of blocking: a blocked statement holds an old snapshot, for which CREATE INDEX CONCURRENTLY in the
    # migrating process would wait, which is a deadlock.
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
    """The migrations that were applied to the database, in order."""
    rows = await connection.fetch(APPLIED)
    return [Applied(row["number"], row["name"], row["checksum"]) for row in rows]


async def _applied_functions(connection: asyncpg.Connection) -> list[AppliedFunction]:
    return [AppliedFunction(*row.values()) for row in await connection.fetch(APPLIED_FUNCTIONS)]


async def _make_new(connection: asyncpg.Connection, files: Sequence[FunctionFile]) -> None:
    async with connection.transaction():
        await connection.execute(f"{NOT_FOR_ALL}; SET LOCAL check_function_bodies = off")
        for file in files:
            try:
                async with connection.transaction():
                    await connection.execute(file.text)
            except (asyncpg.UndefinedObjectError, asyncpg.UndefinedTableError):
                # It takes a row of a table that does not exist yet, so no table needs it: _replace() creates it.
                continue
            except asyncpg.PostgresError as error:
                raise failure(file, error) from error


async def _replace(connection: asyncpg.Connection, files: Sequence[FunctionFile], attempts: int) -> None:
    async def replace() -> None:
        async with connection.transaction():
            for file in files:
                try:
                    await connection.execute(file.text)
                except asyncpg.PostgresError as error:
                    raise failure(file, error) from error
                await connection.execute(NOTE_FUNCTION, file.name, file.checksum, VERSION)
            if any(file.name.startswith(MAKERS) for file in files):
                for row in await connection.fetch(MADE):
                    await connection.execute(row["call"])

    await _patiently("of functions", attempts, replace)


async def _apply(connection: asyncpg.Connection, migration: Migration, attempts: int) -> None:
    async def apply() -> None:
        try:
            if migration.transactional:
                async with connection.transaction():
                    await _run(connection, migration, [migration.text])
            else:
                await _run(connection, migration, migration.statements())
        except REFUSED_A_LOCK:
            raise
        except asyncpg.PostgresError as error:
            raise failure(migration, error) from error

    await _patiently(migration.name, attempts, apply)


async def _patiently(name: str, attempts: int, run: Callable[[], Awaitable[None]]) -> None:
    for attempt in range(1, attempts + 1):
        try:
            await run()
            return
        except REFUSED_A_LOCK as error:
            if attempt == attempts:
                raise MigrationError(
                    f"Migration {name} could not get a lock in {attempts} attempts, "
                    f"because other sessions block it. It changed nothing. ({error})"
                ) from error
            await asyncio.sleep(random.uniform(0.5, 1.0) * min(5.0, 0.1 * 2**attempt))  # noqa: S311


async def _run(connection: asyncpg.Connection, migration: Migration, statements: Sequence[str]) -> None:
    for statement in statements:
        await connection.execute(statement)
    await connection.execute(NOTE, migration.number, migration.name, migration.checksum)
