"""The roles are made once, by a superuser or a lesser administrator, and by many at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.setup.guard import refuse_unsafe
from gateway.data.setup.migrate import migrate
from gateway.data.setup.migration import MigrationError
from gateway.data.setup.roles import RuntimeRole, prepare_roles, scram_verifier
from tests.kit.database import Database, new_database


@pytest_asyncio.fixture(loop_scope="module")
async def administrator(empty_database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database.owner_url)
    yield connection
    await connection.close()


async def test_second_time_changes_nothing(administrator: asyncpg.Connection) -> None:
    await prepare_roles(administrator, RuntimeRole())
    sent: list[str] = []
    with administrator.query_logger(lambda record: sent.append(record.query)):
        await prepare_roles(administrator, RuntimeRole())
    assert [query for query in sent if not query.lstrip().startswith(("SELECT", "BEGIN", "COMMIT"))] == []


async def test_new_role_has_no_powers_and_finds_the_schema(administrator: asyncpg.Connection) -> None:
    name = f"app_{uuid4().hex}"
    await prepare_roles(administrator, RuntimeRole(name))
    role = await administrator.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", name)
    assert role is not None
    assert role["rolcanlogin"]
    powers = ("rolsuper", "rolbypassrls", "rolcreatedb", "rolcreaterole", "rolreplication")
    assert not any(role[power] for power in powers)
    assert role["rolconfig"] == ["search_path=parley"]
    assert await administrator.fetchval("SELECT pg_has_role($1::name, 'parley_runtime', 'USAGE')", name)
    await administrator.execute(f"DROP ROLE {name}")


async def test_owner_cannot_log_in(administrator: asyncpg.Connection) -> None:
    await prepare_roles(administrator, RuntimeRole())
    query = "SELECT bool_or(rolcanlogin) FROM pg_roles WHERE rolname IN ('parley_owner', 'parley_runtime')"
    assert await administrator.fetchval(query) is False


async def test_databases_of_one_server_make_the_same_role_at_the_same_time(
    cluster: EmbeddedDatabase, tmp_path: Path
) -> None:
    role = RuntimeRole(f"app_{uuid4().hex}")

    async def one() -> None:
        async with new_database(cluster, "template0") as database:
            await migrate(database.owner_url, role, directory=tmp_path)

    await asyncio.gather(*(one() for _ in range(5)))


@pytest.mark.parametrize("granted", ["PUBLIC", "parley_runtime", "{name}"])
async def test_role_that_serves_can_make_nothing(
    cluster: EmbeddedDatabase, administrator: asyncpg.Connection, empty_database: Database, granted: str
) -> None:
    name = f"app_{uuid4().hex}"
    await prepare_roles(administrator, RuntimeRole(name))
    database = empty_database.name
    await administrator.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {granted.format(name=name)}")
    await prepare_roles(administrator, RuntimeRole(name))
    serving = await asyncpg.connect(cluster.url(name, database))
    # PostgreSQL 14 lets everybody create tables in the schema public.
    tables = ("TABLE messages (user_id uuid)", "TABLE public.messages (user_id uuid)")
    for made in (
        *(tables if serving.get_server_version().major > 14 else ()),
        "TEMPORARY TABLE messages (user_id uuid)",
        "TEMPORARY VIEW messages AS SELECT 1",
        "TEMPORARY SEQUENCE own",
        "FUNCTION pg_temp.own() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "SCHEMA own",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await serving.execute(f"CREATE {made}")
    await serving.close()
    await administrator.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_database_of_somebody_else_keeps_what_it_allows(
    cluster: EmbeddedDatabase, administrator: asyncpg.Connection, empty_database: Database
) -> None:
    await prepare_roles(administrator, RuntimeRole())
    await administrator.execute(f"GRANT TEMPORARY ON DATABASE {empty_database.name} TO PUBLIC")
    name = f"admin_{uuid4().hex}"
    await administrator.execute(f"CREATE ROLE {name} LOGIN CREATEROLE")
    await administrator.execute(f"GRANT parley_owner, parley_runtime TO {name} WITH ADMIN OPTION")
    lesser = await asyncpg.connect(cluster.url(name, empty_database.name))
    await prepare_roles(lesser, RuntimeRole())
    await lesser.close()
    allows = "SELECT has_database_privilege('parley_app', current_database(), 'TEMPORARY')"
    assert await administrator.fetchval(allows)


async def test_administrator_without_superuser_can_prepare_and_migrate(
    cluster: EmbeddedDatabase, administrator: asyncpg.Connection, empty_database: Database, tmp_path: Path
) -> None:
    # Other tests have made the roles already, as another administrator would have, who lets this one in.
    await prepare_roles(administrator, RuntimeRole())
    name = f"admin_{uuid4().hex}"
    await administrator.execute("DROP SCHEMA parley")
    await administrator.execute(f"CREATE ROLE {name} LOGIN CREATEROLE")
    await administrator.execute(f"GRANT parley_owner, parley_runtime TO {name} WITH ADMIN OPTION")
    await administrator.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {name}")
    (tmp_path / "0001_things.sql").write_text("CREATE TABLE things ();")
    app = RuntimeRole(f"app_{uuid4().hex}")
    applied = await migrate(cluster.url(name, empty_database.name), app, directory=tmp_path)
    assert [migration.name for migration in applied] == ["0001_things"]
    connection = await asyncpg.connect(cluster.url(app.name, empty_database.name))
    await refuse_unsafe(connection)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="temporary"):
        await connection.execute("CREATE TEMPORARY TABLE own ()")
    await connection.close()


async def test_role_that_may_not_prepare_is_told_what_it_needs(
    cluster: EmbeddedDatabase, administrator: asyncpg.Connection, empty_database: Database, tmp_path: Path
) -> None:
    name = f"nobody_{uuid4().hex}"
    await administrator.execute(f"CREATE ROLE {name} LOGIN")
    with pytest.raises(MigrationError, match=r"ALTER ROLE .* CREATEROLE;"):
        await migrate(cluster.url(name, empty_database.name), RuntimeRole(f"app_{uuid4().hex}"), directory=tmp_path)


async def test_password_is_sent_as_a_verifier_that_the_server_accepts(
    administrator: asyncpg.Connection,
) -> None:
    name = f"app_{uuid4().hex}"
    sent: list[str] = []
    with administrator.query_logger(lambda record: sent.append(record.query)):
        await prepare_roles(administrator, RuntimeRole(name, "hunter2"))
    assert not any("hunter2" in query for query in sent)
    stored = await administrator.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", name)
    assert stored.startswith("SCRAM-SHA-256$4096:")
    await administrator.execute(f"DROP ROLE {name}")


def test_verifier_is_the_one_of_the_standard() -> None:
    # The example of RFC 7677, "pencil" with the salt given there: its signature follows from these keys.
    import base64
    import hashlib
    import hmac

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    stored_key, server_key = (
        base64.b64decode(part) for part in scram_verifier("pencil", salt).split("$")[2].split(":")
    )
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    message = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}".encode()
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client_key = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored_key, message, "sha256"), strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key
    signature = hmac.digest(server_key, message, "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@pytest.mark.parametrize(
    ("url", "name", "password"),
    [
        ("postgresql://parley_app@/parley?host=/run", "parley_app", None),
        ("postgresql://other:p%40ss@db:5432/parley", "other", "p@ss"),
        ("postgresql:///parley", "parley_app", None),
    ],
)
def test_role_is_read_from_its_url(url: str, name: str, password: str | None) -> None:
    role = RuntimeRole.of(url)
    assert (role.name, role.password) == (name, password)
    assert "p@ss" not in repr(role)
