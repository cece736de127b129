"""The gateway does not start where row-level security would not hold."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.setup.guard import UnsafeDatabase, refuse_unsafe
from gateway.data.setup.migrate import migrate
from gateway.data.setup.roles import RuntimeRole
from tests.kit.database import Database

SAFE = """
CREATE FUNCTION parley.tenant() RETURNS uuid LANGUAGE sql
AS $$ SELECT nullif(current_setting('app.user_id', true), '')::uuid $$;
ALTER FUNCTION parley.tenant() OWNER TO parley_owner;
CREATE TABLE parley.notes (user_id uuid, id uuid, PRIMARY KEY (user_id, id));
ALTER TABLE parley.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, OWNER TO parley_owner;
CREATE POLICY own ON parley.notes USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON parley.notes TO parley_runtime;
CREATE TABLE parley.models (id text PRIMARY KEY);
ALTER TABLE parley.models OWNER TO parley_owner;
CREATE TABLE parley.colours (id uuid PRIMARY KEY);
ALTER TABLE parley.colours OWNER TO parley_owner;
COMMENT ON TABLE parley.colours IS 'Reference data: the same for all users.';
GRANT SELECT ON parley.colours TO parley_runtime;
CREATE TABLE parley_work.queue (id bigint);
ALTER TABLE parley_work.queue ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY, OWNER TO parley_owner;
CREATE POLICY working ON parley_work.queue USING ((SELECT current_setting('app.work', true)) = 'on');
GRANT SELECT, INSERT, UPDATE, DELETE ON parley_work.queue TO parley_runtime;
"""

UNSAFE_TABLES = {
    "ALTER TABLE parley.notes DISABLE ROW LEVEL SECURITY": 'parley."notes" has no row-level security',
    "ALTER TABLE parley.notes NO FORCE ROW LEVEL SECURITY": 'parley."notes" does not force it on its owner',
    "DROP POLICY own ON parley.notes": 'parley."notes" has no policy',
    "GRANT TRUNCATE ON parley.notes TO parley_runtime": 'parley."notes" may be truncated',
    "GRANT TRIGGER ON parley.notes TO PUBLIC": 'parley."notes" lets this role create triggers',
    "GRANT ALL ON ALL TABLES IN SCHEMA parley TO {role}": 'parley."models" may be truncated',
    'ALTER TABLE parley.notes RENAME TO "my ""notes"; DROP POLICY own ON parley."my ""notes"': "has no policy",
    "GRANT TEMPORARY ON DATABASE {database} TO PUBLIC, {role}": "lets this role create temporary tables",
    "GRANT CREATE ON DATABASE {database} TO parley_runtime": "lets this role create schemas",
    "GRANT CREATE ON SCHEMA parley TO {role}": "lets this role create tables",
    "GRANT SELECT ON parley.models TO {role}": 'parley."models" has no user_id and was not made by reference_table()',
    "GRANT SELECT (id) ON parley.models TO PUBLIC": 'parley."models" has no user_id and was not made by',
    "GRANT INSERT, UPDATE ON parley.colours TO {role}": 'parley."colours" is the same for all users, but this role may',
    "GRANT DELETE ON parley.colours TO PUBLIC": 'parley."colours" is the same for all users, but this role',
    "GRANT UPDATE (id) ON parley.colours TO PUBLIC": 'parley."colours" is the same for all users, but this role may',
    "GRANT INSERT ON parley.functions TO {role}": 'parley."functions" is the same for all users, but this role may',
    "CREATE TABLE parley.forgotten (user_id uuid)": 'parley."forgotten" has no row-level security',
    "CREATE MATERIALIZED VIEW parley.every AS TABLE parley.notes; GRANT SELECT ON parley.every TO {role}": (
        'parley."every" is materialized'
    ),
    "ALTER TABLE parley_work.queue DISABLE ROW LEVEL SECURITY": 'parley_work."queue" has no row-level security',
    "ALTER TABLE parley_work.queue NO FORCE ROW LEVEL SECURITY": 'parley_work."queue" does not force it on its owner',
    "DROP POLICY working ON parley_work.queue": 'parley_work."queue" has no policy',
    "CREATE TABLE parley_work.later (id bigint)": 'parley_work."later" has no row-level security',
    "ALTER POLICY working ON parley_work.queue USING (true)": 'parley_work."queue" is open to requests',
    "ALTER POLICY working ON parley_work.queue WITH CHECK (true)": 'parley_work."queue" is open to requests',
    'CREATE POLICY "an other" ON parley_work.queue FOR SELECT TO {role} USING (id > 0)': (
        'parley_work."queue" is open to requests, not only to background work, by its policy "an other"'
    ),
    "GRANT TRUNCATE ON parley_work.queue TO {role}": 'parley_work."queue" may be truncated',
    "GRANT CREATE ON SCHEMA parley_work TO PUBLIC": "lets this role create tables",
}

UNSAFE_ROLES = {
    "ALTER ROLE {role} SUPERUSER": "{role} is SUPERUSER",
    "ALTER ROLE {role} BYPASSRLS": "{role} is BYPASSRLS",
    "GRANT parley_owner TO {role}": "{role} is a member of parley_owner, which owns objects",
    "ALTER TABLE parley.models OWNER TO {role}": "{role} owns objects in schema parley",
    "ALTER FUNCTION parley.f() OWNER TO {role}": "{role} owns objects in schema parley",
    "ALTER TABLE parley_work.queue OWNER TO {role}": "{role} owns objects in schema parley or parley_work",
    "CREATE ROLE {role}_above BYPASSRLS; GRANT {role}_above TO {role}": "{role}_above, which is BYPASSRLS",
    "CREATE ROLE {role}_above BYPASSRLS; CREATE ROLE {role}_middle IN ROLE {role}_above; "
    "GRANT {role}_middle TO {role}": "{role}_above, which is BYPASSRLS",
    # By somebody else than the superuser, from whom alone it can then be taken back.
    "CREATE ROLE {role}_middle CREATEROLE; GRANT parley_owner TO {role}_middle WITH ADMIN OPTION;"
    "SET ROLE {role}_middle; GRANT parley_owner TO {role}": "{role} is a member of parley_owner, which owns objects",
}

ADMINISTRATORS = {
    "the superuser": "ALTER ROLE {role} SUPERUSER",
    "the owner of the database": "ALTER DATABASE {database} OWNER TO {role}; GRANT parley_owner TO {role}",
    "a maker of roles": "ALTER ROLE {role} CREATEROLE BYPASSRLS",
}

STATEMENT = re.compile(r": ((?:ALTER|REVOKE|CREATE|DROP|REASSIGN)\b.*;)$")


@pytest_asyncio.fixture(loop_scope="module")
async def role(empty_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A role of this test alone that serves from a safe database."""
    name = f"app_{uuid4().hex}"
    await migrate(empty_database.owner_url, RuntimeRole(name), directory=tmp_path_factory.mktemp("none"))
    await execute(empty_database, SAFE)
    await execute(empty_database, "CREATE FUNCTION parley.f() RETURNS void LANGUAGE sql AS ''")
    yield name
    await execute(empty_database, f"ALTER DATABASE {empty_database.name} OWNER TO postgres; DROP OWNED BY {name}")
    await execute(empty_database, f"DROP ROLE {name}; DROP ROLE IF EXISTS {name}_middle, {name}_above")


async def execute(database: Database, statements: str) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute(statements)
    await connection.close()


async def paste(database: Database, refusal: UnsafeDatabase) -> None:
    """Do what the refusal says, as it says it."""
    for problem in refusal.problems:
        statement = STATEMENT.search(problem)
        assert statement, problem
        await execute(database, statement[1])


async def check(cluster: EmbeddedDatabase, role: str, database: Database) -> None:
    connection = await asyncpg.connect(cluster.url(role, database.name))
    try:
        await refuse_unsafe(connection)
    finally:
        await connection.close()


async def test_safe_database_is_served(cluster: EmbeddedDatabase, role: str, empty_database: Database) -> None:
    await check(cluster, role, empty_database)


async def test_parleys_own_migrations_are_safe(cluster: EmbeddedDatabase, empty_database: Database) -> None:
    await migrate(empty_database.owner_url)
    await check(cluster, "parley_app", empty_database)


@pytest.mark.parametrize(("change", "problem"), UNSAFE_TABLES.items())
async def test_unsafe_table_is_refused(
    cluster: EmbeddedDatabase, role: str, empty_database: Database, change: str, problem: str
) -> None:
    await execute(empty_database, change.format(role=role, database=empty_database.name))
    with pytest.raises(UnsafeDatabase) as caught:
        await check(cluster, role, empty_database)
    assert any(problem in each for each in caught.value.problems)
    await paste(empty_database, caught.value)
    await check(cluster, role, empty_database)


@pytest.mark.parametrize(("change", "problem"), UNSAFE_ROLES.items())
async def test_unsafe_role_is_refused(
    cluster: EmbeddedDatabase, role: str, empty_database: Database, change: str, problem: str
) -> None:
    await execute(empty_database, change.format(role=role))
    with pytest.raises(UnsafeDatabase) as caught:
        await check(cluster, role, empty_database)
    assert any(problem.format(role=role) in each for each in caught.value.problems)
    if "is SUPERUSER" not in str(caught.value):
        await paste(empty_database, caught.value)
        await check(cluster, role, empty_database)


@pytest.mark.parametrize("change", ADMINISTRATORS.values(), ids=ADMINISTRATORS)
async def test_administrator_is_told_to_serve_as_another_role_and_not_to_give_up_power(
    cluster: EmbeddedDatabase, role: str, empty_database: Database, change: str
) -> None:
    await execute(empty_database, change.format(role=role, database=empty_database.name))
    with pytest.raises(UnsafeDatabase, match="Serve with a separate role") as caught:
        await check(cluster, role, empty_database)
    assert not [each for each in caught.value.problems if STATEMENT.search(each)]


async def test_superuser_of_the_embedded_server_is_refused(cluster: EmbeddedDatabase, database: Database) -> None:
    with pytest.raises(UnsafeDatabase, match="postgres is SUPERUSER"):
        await check(cluster, "postgres", database)


async def test_partition_that_only_its_parent_reaches_needs_no_policy(
    cluster: EmbeddedDatabase, role: str, empty_database: Database
) -> None:
    await execute(
        empty_database,
        """
        CREATE TABLE parley.parted (user_id uuid) PARTITION BY HASH (user_id);
        ALTER TABLE parley.parted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON parley.parted USING (false);
        CREATE TABLE parley.part PARTITION OF parley.parted FOR VALUES WITH (MODULUS 1, REMAINDER 0);
        """,
    )
    await check(cluster, role, empty_database)
    await execute(empty_database, f"GRANT SELECT ON parley.part TO {role}")
    with pytest.raises(UnsafeDatabase, match="part"):
        await check(cluster, role, empty_database)
