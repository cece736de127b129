"""A role that may not prepare a database is told what gives it the right, in statements that can be run as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.setup.migrate import migrate
from gateway.data.setup.migration import MigrationError
from gateway.data.setup.roles import RuntimeRole, prepare_roles
from gateway.refusal import Refusal
from tests.kit.database import Database


@pytest_asyncio.fixture(loop_scope="module")
async def superuser(empty_database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database.owner_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize("powers", ["", "CREATEROLE"])
@pytest.mark.parametrize("is_owner", [False, True])
async def test_what_is_advised_gives_the_role_what_it_lacks(
    cluster: EmbeddedDatabase,
    empty_database: Database,
    superuser: asyncpg.Connection,
    tmp_path: Path,
    powers: str,
    is_owner: bool,
) -> None:
    if superuser.get_server_version().major < 16:
        pytest.skip("before PostgreSQL 16, CREATEROLE could grant any role, and refusals were worded otherwise")
    name, serving = (f"{kind} {uuid4().hex}" for kind in ("owner", "app"))
    # Another Parley on this server has made the roles already.
    await prepare_roles(superuser, RuntimeRole(serving))
    await superuser.execute(f'CREATE ROLE "{name}" LOGIN {powers}')
    if is_owner:
        await superuser.execute(f'ALTER DATABASE {empty_database.name} OWNER TO "{name}"')
    url = cluster.url(name, empty_database.name)
    with pytest.raises(MigrationError, match="may not prepare the database: permission denied") as refused:
        await migrate(url, RuntimeRole(serving), directory=tmp_path)
    statements = refused.value.problems
    assert len(statements) == 3 - bool(powers) - is_owner
    for statement in statements:
        await superuser.execute(statement)
    await migrate(url, RuntimeRole(serving), directory=tmp_path)


async def test_administrator_is_not_made_the_role_that_serves(
    cluster: EmbeddedDatabase, empty_database: Database, superuser: asyncpg.Connection
) -> None:
    name = f"owner_{uuid4().hex}"
    await superuser.execute(f"CREATE ROLE {name} LOGIN SUPERUSER")
    owner = await asyncpg.connect(cluster.url(name, empty_database.name))
    for connection in (superuser, owner):
        with pytest.raises(Refusal, match=f"PARLEY_DATABASE_URL uses the role {name}, which administers"):
            await prepare_roles(connection, RuntimeRole(name))
        await superuser.execute(f"ALTER ROLE {name} NOSUPERUSER")
    assert await superuser.fetchval("SELECT rolconfig FROM pg_roles WHERE rolname = $1", name) is None
    await owner.close()
