"""A database is served from only when it answers, is up to date and is safe."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from gateway.config import ConfigError, Settings
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.server.opening import (
    Behind,
    OpenDatabase,
    Unreachable,
    address,
    bring_up_to_date,
    open_database,
    reached_database,
)
from gateway.data.setup.guard import UnsafeDatabase
from gateway.data.setup.migrate import migrate
from tests.kit.database import Database


def settings_for(runtime_url: str, owner_url: str | None = None) -> Settings:
    return Settings(database_url=SecretStr(runtime_url), owner_url=SecretStr(owner_url) if owner_url else None)


async def execute(database: Database, statement: str) -> None:
    connection = await asyncpg.connect(database.owner_url)
    await connection.execute(statement)
    await connection.close()


async def test_migrated_database_is_opened_as_the_role_that_serves(empty_database: Database) -> None:
    await migrate(empty_database.owner_url)
    async with open_database(settings_for(empty_database.runtime_url)) as opened:
        connection = await asyncpg.connect(opened.runtime_url)
        assert await connection.fetchval("SELECT current_user") == "parley_app"
        await connection.close()


async def test_database_that_was_never_migrated_is_named_as_such(empty_database: Database) -> None:
    with pytest.raises(Behind, match=r"has not been migrated\. Run: parley migrate"):
        async with open_database(settings_for(empty_database.runtime_url)):
            pass


async def test_database_that_is_behind_is_refused_without_a_role_that_may_migrate(empty_database: Database) -> None:
    await migrate(empty_database.owner_url)
    await execute(empty_database, "DELETE FROM parley.migrations WHERE number > 1")
    with pytest.raises(Behind, match=r"lacks 0002_accounts.*Run: parley migrate"):
        async with open_database(settings_for(empty_database.runtime_url)):
            pass


async def test_role_without_rights_is_told_what_gives_them(cluster: EmbeddedDatabase, empty_database: Database) -> None:
    await migrate(empty_database.owner_url)
    name = f"new_{uuid4().hex}"
    await execute(empty_database, f"CREATE ROLE {name} LOGIN")
    runtime_url = cluster.url(name, empty_database.name)
    with pytest.raises(Behind, match=r"This role has no privileges.*Run: parley migrate"):
        async with open_database(settings_for(runtime_url)):
            pass
    await execute(empty_database, f"REVOKE CONNECT ON DATABASE {empty_database.name} FROM PUBLIC")
    with pytest.raises(Unreachable, match=r"permission denied for database.*Run: parley migrate"):
        async with open_database(settings_for(runtime_url)):
            pass
    async with open_database(settings_for(runtime_url, empty_database.owner_url)):
        pass


@pytest.mark.parametrize("open_it", [open_database, reached_database])
async def test_owner_without_a_role_that_serves_does_not_mean_the_embedded_database(
    database: Database, tmp_path: Path, open_it: Callable[[Settings], AbstractAsyncContextManager[OpenDatabase]]
) -> None:
    settings = Settings(_env_file=None, owner_url=SecretStr(database.owner_url), data_dir=tmp_path / "data")
    with pytest.raises(ConfigError, match="Set PARLEY_DATABASE_URL to the same database"):
        async with open_it(settings):
            pass
    assert not (tmp_path / "data").exists()


async def test_rights_that_a_copy_of_the_database_has_again_are_noticed_and_mended(
    cluster: EmbeddedDatabase, empty_database: Database
) -> None:
    await migrate(empty_database.owner_url)
    await execute(empty_database, f"GRANT TEMPORARY ON DATABASE {empty_database.name} TO PUBLIC")
    statement = rf"REVOKE TEMPORARY ON DATABASE {empty_database.name} FROM PUBLIC;"
    with pytest.raises(UnsafeDatabase, match=statement):
        async with open_database(settings_for(empty_database.runtime_url)):
            pass
    async with open_database(settings_for(empty_database.runtime_url, empty_database.owner_url)):
        pass
    async with open_database(settings_for(empty_database.runtime_url)):
        pass


async def test_database_that_is_behind_is_migrated_with_one(empty_database: Database) -> None:
    async with open_database(settings_for(empty_database.runtime_url, empty_database.owner_url)):
        pass
    async with open_database(settings_for(empty_database.runtime_url)):
        pass


async def test_superuser_is_refused(database: Database) -> None:
    with pytest.raises(UnsafeDatabase, match="SUPERUSER"):
        async with open_database(settings_for(database.owner_url)):
            pass


async def test_database_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(Unreachable, match=r"PostgreSQL at 127\.0\.0\.1:1/parley \(role app\)") as caught:
        async with open_database(settings_for("postgresql://app:hunter2@127.0.0.1:1/parley")):
            pass
    assert "hunter2" not in str(caught.value)


async def test_database_that_takes_no_writes_is_refused_as_such(empty_database: Database) -> None:
    owner = await asyncpg.connect(empty_database.owner_url)
    await owner.execute(f"ALTER DATABASE {empty_database.name} SET default_transaction_read_only = on")
    await owner.close()
    with pytest.raises(Unreachable, match="accepts no writes: it is a standby, or read-only"):
        async with open_database(settings_for(empty_database.runtime_url)):
            pass


async def test_role_that_is_not_let_in_is_told_so(database: Database) -> None:
    url = database.runtime_url.replace("parley_app", "stranger")
    with pytest.raises(Unreachable, match='refuses the connection: role "stranger" does not exist'):
        async with open_database(settings_for(url)):
            pass


async def test_role_that_is_not_let_in_is_told_what_would_mend_it(database: Database) -> None:
    url = database.runtime_url.replace("parley_app", "stranger")
    password = r'set it \(a migration does not\): ALTER ROLE "stranger" PASSWORD'
    with pytest.raises(Unreachable, match=f"parley migrate creates it.*{password}"):
        async with open_database(settings_for(url)):
            pass


async def test_owner_that_is_not_let_in_is_not_told_to_migrate(database: Database) -> None:
    url = database.owner_url.replace("postgres@", "stranger@")
    with pytest.raises(Unreachable, match="Check the role and the password in PARLEY_OWNER_URL") as refused:
        async with open_database(settings_for(database.runtime_url, url)):
            pass
    assert "parley migrate" not in str(refused.value)


async def test_urls_of_two_databases_are_told_as_such(database: Database, empty_database: Database) -> None:
    with pytest.raises(Behind, match=r"has not been migrated\. PARLEY_OWNER_URL points to another database"):
        async with open_database(settings_for(empty_database.runtime_url, database.owner_url)):
            pass


async def test_migrating_without_a_role_that_may_is_a_question_of_settings(database: Database) -> None:
    with pytest.raises(ConfigError, match="PARLEY_OWNER_URL"):
        async with reached_database(settings_for(database.runtime_url)) as reached:
            await bring_up_to_date(reached)


def test_place_of_several_hosts_is_all_of_them() -> None:
    assert address("postgresql://app:secret@one:1,[::2]:2/parley") == "one:1,[::2]:2/parley (role app)"


def test_place_of_a_socket_is_its_directory() -> None:
    assert address("postgresql://app@/parley?host=/run/db&port=5432") == "/run/db/parley (role app)"
