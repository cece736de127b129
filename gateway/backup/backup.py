"""`parley backup`: writes a snapshot of the database, its roles and the signing keys to one file.

Row-level security silently hides rows from roles that it applies to. So only a role that bypasses it may make a backup,
and the rows in the file are compared with those in the database before the file gets its name.
"""

from __future__ import annotations

import datetime
import importlib.metadata
from pathlib import Path
from typing import IO

import asyncpg
import structlog

from gateway.auth.keyring import keys_in
from gateway.backup.archive import BackupError, Draft, Manifest, Role, new_archive
from gateway.backup.program import Program
from gateway.backup.tally import Tally
from gateway.config import Settings
from gateway.data.server.embedded import is_made
from gateway.data.server.opening import OpenDatabase, owner_connection, reached_database
from gateway.data.setup.catalogue import database_id
from gateway.data.setup.migrate import applied_migrations
from gateway.data.setup.roles import RUNTIME, SCHEMA, WORK_SCHEMA, quoted
from gateway.records import BACKUP, keep
from gateway.telemetry.progress import bar, tell

log = structlog.stdlib.get_logger(__name__)

LOCK_WAIT_MS = 30_000
"""A backup gives up in favour of a migration rather than block others indefinitely."""

POWERS = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"

TABLES = """
SELECT class.relname
FROM pg_class AS class
WHERE class.relnamespace = to_regnamespace($1)
  AND class.relkind = 'r'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = class.oid AND classid = 'pg_class'::regclass AND deptype = 'e')
ORDER BY class.relname
"""

ROLES = """
WITH RECURSIVE memberships AS (
    SELECT m.roleid, m.member
    FROM pg_auth_members AS m
    JOIN pg_roles AS member ON member.oid = m.member
    -- Since 16, the creator of a role is a member of it, without its privileges.
    WHERE coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
      AND NOT (member.rolsuper OR member.rolcreaterole OR member.rolbypassrls)
), serving AS (
    SELECT oid FROM pg_roles WHERE rolname = $1
    UNION
    SELECT member FROM memberships JOIN serving ON serving.oid = memberships.roleid
), wanted AS (
    SELECT oid FROM serving
    UNION
    -- Roles in grants and policies.
    SELECT refobjid FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass
      AND deptype IN ('a', 'r')
      AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT role.rolname AS name,
       role.rolcanlogin AS login,
       ARRAY(
           SELECT above.rolname
           FROM memberships
           JOIN pg_roles AS above ON above.oid = memberships.roleid
           WHERE memberships.member = role.oid AND memberships.roleid IN (SELECT oid FROM wanted)
           ORDER BY above.rolname
       ) AS member_of
FROM pg_roles AS role
JOIN wanted ON wanted.oid = role.oid
ORDER BY role.rolname
"""

VERIFIERS = "SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL"


async def back_up(settings: Settings, path: Path) -> None:
    """Write a backup to a file, replacing an existing one. If it raises a `Refusal`, the file is unchanged."""
    if settings.embedded and settings.owner_url is None and not is_made(settings.data_dir):
        raise BackupError(f"There is no database in {settings.data_dir}. Set PARLEY_DATA_DIR or PARLEY_DATABASE_URL.")
    keys = keys_in(settings.signing_keys)
    async with reached_database(settings) as database, owner_connection(database) as connection:
        await _refuse_half_a_view(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            manifest = await _manifest(connection)
            with new_archive(path, manifest, keys) as draft:
                await _dump(database, connection, manifest, draft)
            identity = await database_id(connection)
    _note(settings.data_dir, path, manifest, identity)
    tell(
        f"Wrote {manifest.total:,} rows of {len(manifest.rows)} tables, the roles and the signing keys to {path}. "
        "Keep it secret: with the keys, anyone can act as any user."
    )


def _note(directory: Path, path: Path, manifest: Manifest, identity: str) -> None:
    """Keep the time of the backup, for `parley doctor`."""
    facts = {"at": manifest.made_at, "file": str(path.absolute()), "rows": manifest.total, "database": identity}
    try:
        keep(directory, BACKUP, facts)
    except OSError as error:
        log.warning("backup_not_noted", directory=str(directory), reason=error.strerror)


async def _refuse_half_a_view(connection: asyncpg.Connection) -> None:
    if not await connection.fetchval(POWERS):
        name = quoted(await connection.fetchval("SELECT current_user"))
        raise BackupError(
            f"Row-level security hides rows from the role {name} of PARLEY_OWNER_URL, so its backup would be empty. "
            f"As a superuser: ALTER ROLE {name} BYPASSRLS;"
        )


async def _manifest(connection: asyncpg.Connection) -> Manifest:
    try:
        migrations = await applied_migrations(connection)
    except asyncpg.UndefinedTableError:
        raise BackupError("The database has not been migrated, so it has nothing to back up.") from None
    # With row_security off, a policy causes an error rather than a lower count.
    await connection.execute("SET LOCAL row_security = off")
    tables = [row["relname"] for row in await connection.fetch(TABLES, SCHEMA)]
    with bar("Counting rows", len(tables)) as advance:
        rows = {}
        for table in tables:
            query = f"SELECT count(*) FROM ONLY {SCHEMA}.{quoted(table)}"  # noqa: S608 - names from the catalogue
            rows[table] = await connection.fetchval(query)
            advance(1)
    return Manifest(
        parley=importlib.metadata.version("parley"),
        made_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        postgres=connection.get_server_version().major,
        migrations=tuple(migrations),
        roles=await _roles(connection),
        rows=rows,
    )


async def _roles(connection: asyncpg.Connection) -> tuple[Role, ...]:
    may_read = await connection.fetchval("SELECT has_table_privilege('pg_authid', 'SELECT')")
    rows = await connection.fetch(VERIFIERS) if may_read else []
    verifiers = {row["rolname"]: row["rolpassword"] for row in rows}
    return tuple(
        Role(row["name"], row["login"], tuple(row["member_of"]), verifiers.get(row["name"]))
        for row in await connection.fetch(ROLES, RUNTIME)
    )


async def _dump(database: OpenDatabase, connection: asyncpg.Connection, manifest: Manifest, draft: Draft) -> None:
    assert database.owner_url is not None  # noqa: S101 - the connection uses it
    program = Program.find("pg_dump", database.owner_url, manifest.postgres, embedded=database.embedded is not None)
    snapshot = await connection.fetchval("SELECT pg_export_snapshot()")
    with bar("Writing the backup", manifest.total) as advance:

        def pump(pipe: IO[bytes]) -> None:
            draft.write(Tally().passing(pipe, advance))

        await program.read(
            f"--schema={SCHEMA}",
            f"--schema={WORK_SCHEMA}",
            # What was queued belongs to the time before: unfinished jobs of users are queued again.
            f"--exclude-table-data={WORK_SCHEMA}.*",
            f"--snapshot={snapshot}",
            f"--lock-wait-timeout={LOCK_WAIT_MS}",
            "--encoding=UTF8",
            "--no-owner",
            "--no-tablespaces",
            pump=pump,
        )
