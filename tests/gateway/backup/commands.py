"""Run `parley backup` and `parley restore`, and read what they leave in a database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg

from gateway.backup.backup import TABLES
from tests.kit.database import Database
from tests.kit.environment import without_settings

ROOT = Path(__file__).parents[3]

RIGHTS = """
SELECT format('%s %s', member, above.rolname)
FROM (VALUES ('parley_app'), ('parley_runtime'), ('{reader}')) AS role (member)
JOIN pg_roles AS above ON above.rolname LIKE 'parley%' AND pg_has_role(role.member::name, above.oid, 'USAGE')
UNION ALL
SELECT format('%s may %s', rolname, privilege)
FROM pg_roles, unnest(ARRAY['CREATE', 'TEMPORARY', 'CONNECT']) AS privilege
WHERE rolname IN ('parley_app', 'parley_runtime', '{reader}')
  AND has_database_privilege(oid, current_database(), privilege)
UNION ALL
SELECT format('%s %s %s %s', rolname, rolcanlogin, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb, rolconfig)
FROM pg_roles
WHERE rolname IN ('parley_app', 'parley_owner', 'parley_runtime', '{reader}')
ORDER BY 1
"""


async def parley(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command: its exit status, and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *arguments),
        env={**without_settings(), "PYTHONPATH": str(ROOT), "PARLEY_LOG_FORMAT": "text", **environment},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


def at(database: Database, directory: Path) -> dict[str, str]:
    """The settings of a command on a database of a server of one's own."""
    return {
        "PARLEY_DATABASE_URL": database.runtime_url,
        "PARLEY_OWNER_URL": database.owner_url,
        "PARLEY_DATA_DIR": str(directory),
    }


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def counts(url: str) -> dict[str, int]:
    """The rows of every table."""
    connection = await asyncpg.connect(url)
    try:
        tables = [row["relname"] for row in await connection.fetch(TABLES, "parley")]
        return {table: len(await connection.fetch(f'TABLE parley."{table}"')) for table in tables}
    finally:
        await connection.close()


async def rights(url: str, reader: str) -> list[str]:
    """What the roles may do, beyond what stands in the schema."""
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(RIGHTS.format(reader=reader))]
    finally:
        await connection.close()
