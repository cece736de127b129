"""A database is served from only when it answers, is up to date and is safe."""

from __future__ import annotations

import asyncpg
import pytest
from pydantic import SecretStr

from gateway.config import ConfigError, Settings
from gateway.data.guard import UnsafeDatabase
from gateway.data.opening import Behind, Unreachable, bring_up_to_date, open_database, place, reached_database
from tests.database import Database


def settings_for(runtime_url: str, owner_url: str | None = None) -> Settings:
    return Settings(database_url=SecretStr(runtime_url), owner_url=SecretStr(owner_url) if owner_url else None)


async def test_migrated_database_is_opened_as_the_role_that_serves(database: Database) -> None:
    async with open_database(settings_for(database.runtime_url)) as opened:
        connection = await asyncpg.connect(opened.runtime_url)
        assert await connection.fetchval("SELECT current_user") == "parley_app"
        await connection.close()


async def test_database_that_is_behind_is_refused_without_a_role_that_may_migrate(empty_database: Database) -> None:
    with pytest.raises(Behind, match=r"lacks 0001_foundation.*Run: parley migrate"):
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
    with pytest.raises(Unreachable, match="takes no writes: it is a standby, or read-only"):
        async with open_database(settings_for(empty_database.runtime_url)):
            pass


async def test_role_that_is_not_let_in_is_told_so(database: Database) -> None:
    url = database.runtime_url.replace("parley_app", "stranger")
    with pytest.raises(Unreachable, match='does not let us in: role "stranger" does not exist'):
        async with open_database(settings_for(url)):
            pass


async def test_migrating_without_a_role_that_may_is_a_question_of_settings(database: Database) -> None:
    with pytest.raises(ConfigError, match="PARLEY_OWNER_URL"):
        async with reached_database(settings_for(database.runtime_url)) as reached:
            await bring_up_to_date(reached)


def test_place_of_several_hosts_is_all_of_them() -> None:
    assert place("postgresql://app:secret@one:1,[::2]:2/parley") == "one:1,[::2]:2/parley (role app)"


def test_place_of_a_socket_is_its_directory() -> None:
    assert place("postgresql://app@/parley?host=/run/db&port=5432") == "/run/db/parley (role app)"
