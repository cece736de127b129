"""`parley restore`: loads a backup into an empty database, completely or not at all.

Loading the rows, checking their counts and raising the epochs is one transaction. The backup's keys are installed, so
tokens issued before stay valid. Cursors do not, because they may refer to changes after the backup.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import asyncpg
import orjson

from gateway.auth.keyring import installed
from gateway.backup.archive import Archive, BackupError, Manifest, opened
from gateway.backup.program import Program
from gateway.backup.tally import Tally
from gateway.config import Settings
from gateway.data.queries import SQL_DIRECTORY
from gateway.data.server.opening import OpenDatabase, bring_up_to_date, check, owner_connection, reached_database
from gateway.data.setup.functions import refuse_newer
from gateway.data.setup.migrate import alone
from gateway.data.setup.migration import outstanding, read_migrations
from gateway.data.setup.powers import with_powers
from gateway.data.setup.roles import OWNER, SCHEMA, WORK_SCHEMA, RuntimeRole, ensure_member, ensure_role, prepare_roles
from gateway.telemetry.progress import bar, tell

CREATE_SCHEMAS = {f"CREATE SCHEMA {schema};\n".encode() for schema in (SCHEMA, WORK_SCHEMA)}
"""Left out, because `gateway.data.setup.roles` has created the schemas."""

TOO_NEW = b"SET transaction_timeout = 0;\n"
"""In every dump since PostgreSQL 17, but unknown to earlier servers. It is the default."""

RESTRICTIONS = (b"\\restrict ", b"\\unrestrict ")
"""Commands that disable psql's own commands, such as a shell. The dump's key is in the file; ours is not."""

HOLDS_OTHER_TABLES = """
SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p'))
   AND to_regclass(format('%I.feeds', $1::text)) IS NULL
"""
HAS_FEEDS = f"SELECT EXISTS (SELECT FROM {SCHEMA}.feeds)"  # noqa: S608 - a constant
IS_MIGRATED = "SELECT to_regclass(format('%I.feeds', $1::text)) IS NOT NULL"
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1"


async def restore(settings: Settings, path: Path) -> None:
    """Load a backup into the empty database in the settings. If it raises a `Refusal`, nothing was changed."""
    with opened(path) as archive:
        manifest = archive.manifest
        outstanding(read_migrations(), manifest.migrations, subject="backup")
        refuse_newer([manifest.parley], subject="backup")
        async with reached_database(settings) as database:
            async with owner_connection(database) as connection, alone(connection):
                await _refuse(connection, database, manifest)
                with installed(settings.signing_keys, archive.keys):
                    await _make_room(connection)
                    await _make_roles(connection, database, manifest)
                    await _load(database, archive, connection.get_server_version().major)
            await bring_up_to_date(database)
            await check(database)
    tell(
        f"Restored {manifest.total:,} rows of {len(manifest.rows)} tables, as they were at {manifest.made_at}, "
        f"and the signing keys to {settings.signing_keys}. Clients will reload their state (RESYNC)."
    )


async def _refuse(connection: asyncpg.Connection, database: OpenDatabase, manifest: Manifest) -> None:
    """Raise `BackupError` if the backup does not fit the database, or data would be lost."""
    major = connection.get_server_version().major
    if major < manifest.postgres:
        raise BackupError(
            f"The backup is from PostgreSQL {manifest.postgres}, but this server is PostgreSQL {major}. "
            f"Restore it into version {manifest.postgres} or newer."
        )
    runtime = RuntimeRole.of(database.runtime_url).name
    if await connection.fetchval(OTHERS, runtime):
        raise BackupError(f"The role {runtime} is connected to this database. Stop Parley first.")
    if await connection.fetchval(HOLDS_OTHER_TABLES, SCHEMA):
        raise BackupError(f"The schema {SCHEMA} of this database contains tables that are not Parley's.")
    if await _has_users(connection):
        raise BackupError(
            "This database contains data, which a restore would replace. Restore into an empty one: "
            + (
                "set PARLEY_DATA_DIR to a new directory, or move the present one away."
                if database.embedded
                else "set PARLEY_DATABASE_URL and PARLEY_OWNER_URL to another database."
            )
        )


async def _has_users(connection: asyncpg.Connection) -> bool:
    """Whether there are any user's rows. All of them require a row in `feeds`."""
    if not await connection.fetchval(IS_MIGRATED, SCHEMA):
        return False
    async with connection.transaction():
        # Row-level security shows all feeds to the owner, but not to every administrator.
        await connection.execute(f"SET LOCAL ROLE {OWNER}")
        return bool(await connection.fetchval(HAS_FEEDS))


async def _make_room(connection: asyncpg.Connection) -> None:
    if await connection.fetchval(IS_MIGRATED, SCHEMA):
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {OWNER}")
            await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA}, {WORK_SCHEMA} CASCADE")


async def _make_roles(connection: asyncpg.Connection, database: OpenDatabase, manifest: Manifest) -> None:
    """Create the roles in the backup. Existing ones keep their passwords and privileges."""
    runtime = RuntimeRole.of(database.runtime_url)
    if runtime.password is None:
        verifiers = {role.name: role.verifier for role in manifest.roles}
        runtime = RuntimeRole(runtime.name, verifiers.get(runtime.name))
    async with with_powers(connection, [runtime.name, *(role.name for role in manifest.roles)]):
        await prepare_roles(connection, runtime)
        async with connection.transaction():
            for role in manifest.roles:
                await ensure_role(connection, role.name, "LOGIN" if role.login else "NOLOGIN", role.verifier)
            for role in manifest.roles:
                for above in role.member_of:
                    await ensure_member(connection, role.name, of=above)


async def _load(database: OpenDatabase, archive: Archive, major: int) -> None:
    assert database.owner_url is not None  # noqa: S101 - the connection uses it
    program = Program.find("psql", database.owner_url, major, embedded=database.embedded is not None)
    with bar("Restoring", archive.manifest.total) as advance, archive.lines() as lines:

        def pump(pipe: IO[bytes]) -> None:
            tally = Tally()
            pipe.writelines(script(tally.passing(lines, advance), tally, archive.manifest, major))

        # VERBOSITY=terse keeps the contents of rows out of error messages.
        quiet = ("--no-psqlrc", "--quiet", "--variable=ON_ERROR_STOP=1", "--variable=VERBOSITY=terse")
        await program.write(*quiet, pump=pump)


def script(lines: Iterable[bytes], tally: Tally, manifest: Manifest, major: int) -> Iterator[bytes]:
    """The dump as one transaction of the owner role. If it is interrupted, nothing is committed."""
    yield f"\\restrict {secrets.token_hex(16)}\nBEGIN;\nSET LOCAL ROLE {OWNER};\n".encode()
    dropped = CREATE_SCHEMAS | {TOO_NEW} if major < 17 else CREATE_SCHEMAS
    for line in lines:
        if tally.copying or not (line in dropped or line.startswith(RESTRICTIONS)):
            yield line
    rows = orjson.dumps(manifest.rows).decode().replace("'", "''")
    yield f"SELECT set_config('parley.rows', '{rows}', true);\n".encode()
    yield (SQL_DIRECTORY / "restore.sql").read_bytes()
    yield b"COMMIT;\n"
