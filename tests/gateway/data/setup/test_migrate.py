"""Migrations run once, in order, whole or not at all, however many processes start at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from gateway.data.setup import migrate as runner
from gateway.data.setup.migrate import migrate, pending
from gateway.data.setup.migration import MigrationError
from tests.kit.database import Database

THINGS = "CREATE TABLE things (id integer PRIMARY KEY);\nINSERT INTO things VALUES (1);\n"
MORE = "ALTER TABLE things ADD COLUMN name text;\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory of two migrations."""
    (tmp_path / "0001_things.sql").write_text(THINGS)
    (tmp_path / "0002_more.sql").write_text(MORE)
    return tmp_path


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def value(database: Database, query: str) -> object:
    async with connected(database.owner_url) as connection:
        return await connection.fetchval(query)


async def test_migrations_are_applied_in_order_and_once(empty_database: Database, directory: Path) -> None:
    told: list[str] = []
    await migrate(empty_database.owner_url, report=told.append, directory=directory)
    assert told == ["0001_things", "0002_more"]
    assert await migrate(empty_database.owner_url, report=told.append, directory=directory) == []
    assert await value(empty_database, "SELECT array_agg(number ORDER BY number) FROM parley.migrations") == [
        1,
        2,
    ]


async def test_everything_belongs_to_the_owner_role(empty_database: Database, directory: Path) -> None:
    await migrate(empty_database.owner_url, directory=directory)
    owners = "SELECT array_agg(DISTINCT tableowner) FROM pg_tables WHERE schemaname = 'parley'"
    assert await value(empty_database, owners) == ["parley_owner"]


async def test_ten_starts_at_once_migrate_once(empty_database: Database, directory: Path) -> None:
    applied = await asyncio.gather(*(migrate(empty_database.owner_url, directory=directory) for _ in range(10)))
    assert sorted(len(each) for each in applied) == [0] * 9 + [2]
    assert await value(empty_database, "SELECT count(*) FROM parley.things") == 1


async def test_changed_migration_is_refused(empty_database: Database, directory: Path) -> None:
    await migrate(empty_database.owner_url, directory=directory)
    (directory / "0001_things.sql").write_text(THINGS + "-- A thought.\n")
    with pytest.raises(MigrationError, match="0001_things was changed after it was applied"):
        await migrate(empty_database.owner_url, directory=directory)


async def test_ends_of_lines_are_no_change(empty_database: Database, directory: Path) -> None:
    await migrate(empty_database.owner_url, directory=directory)
    (directory / "0001_things.sql").write_bytes(THINGS.replace("\n", "\r\n").encode())
    assert await migrate(empty_database.owner_url, directory=directory) == []


async def test_database_of_a_newer_parley_is_not_migrated_but_may_be_served(
    empty_database: Database, directory: Path
) -> None:
    await migrate(empty_database.owner_url, directory=directory)
    (directory / "0002_more.sql").unlink()
    with pytest.raises(MigrationError, match="0002_more is unknown"):
        await migrate(empty_database.owner_url, directory=directory)
    async with connected(empty_database.runtime_url) as connection:
        assert await pending(connection, directory) == []


async def test_database_of_the_migrations_before_the_first_release_is_refused(
    empty_database: Database, directory: Path
) -> None:
    (directory / "0001_things.sql").rename(directory / "0001_foundation.sql")
    await migrate(empty_database.owner_url, directory=directory)
    with pytest.raises(MigrationError, match=r"created before the release of 0\.1\.0.* set PARLEY_DATA_DIR"):
        await migrate(empty_database.owner_url)
    async with connected(empty_database.runtime_url) as connection:
        with pytest.raises(MigrationError, match=r"created before the release of 0\.1\.0"):
            await pending(connection)


async def test_migration_with_another_name_is_refused_by_both_names(empty_database: Database, directory: Path) -> None:
    (directory / "0002_more.sql").write_text("SELECT 1;\n")
    await migrate(empty_database.owner_url, directory=directory)
    (directory / "0002_more.sql").rename(directory / "0002_other.sql")
    with pytest.raises(MigrationError, match="0002_more was applied, which is called 0002_other here"):
        await migrate(empty_database.owner_url, directory=directory)


async def test_failing_migration_repeats_no_hint(empty_database: Database, directory: Path) -> None:
    (directory / "0002_more.sql").write_text("SELECT lower(things) FROM things;\n")
    with pytest.raises(MigrationError) as refused:
        await migrate(empty_database.owner_url, directory=directory)
    assert str(refused.value).count("You might need to add explicit type casts.") == 1


async def test_failing_migration_leaves_nothing_and_names_its_line(empty_database: Database, directory: Path) -> None:
    (directory / "0002_more.sql").write_text("CREATE TABLE half ();\n\nALTER TABLE nothing ADD COLUMN name text;\n")
    with pytest.raises(MigrationError, match=r'0002_more failed: relation "nothing" does not exist'):
        await migrate(empty_database.owner_url, directory=directory)
    assert await value(empty_database, "SELECT to_regclass('parley.half')") is None
    assert await value(empty_database, "SELECT max(number) FROM parley.migrations") == 1
    (directory / "0002_more.sql").write_text("CREATE TABEL things2 ();\n")
    with pytest.raises(MigrationError, match="0002_more failed in line 1: syntax error"):
        await migrate(empty_database.owner_url, directory=directory)
    (directory / "0002_more.sql").write_text(MORE)
    assert len(await migrate(empty_database.owner_url, directory=directory)) == 1


async def test_migration_gives_way_to_a_held_lock_and_gives_up_in_the_end(
    empty_database: Database, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOCK_TIMEOUT_MS", 10)
    (directory / "0003_last.sql").write_text("ALTER TABLE things DROP COLUMN name;\n")
    await migrate_first_two(empty_database, directory)
    async with connected(empty_database.owner_url) as reader, reader.transaction():
        await reader.fetch("SELECT * FROM parley.things")
        with pytest.raises(MigrationError, match="0003_last could not get a lock in 2 attempts"):
            await migrate(empty_database.owner_url, directory=directory, lock_attempts=2)
    assert len(await migrate(empty_database.owner_url, directory=directory)) == 1


async def test_migration_that_was_refused_a_lock_is_tried_again(
    empty_database: Database, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOCK_TIMEOUT_MS", 10)
    await migrate_first_two(empty_database, directory)
    (directory / "0003_last.sql").write_text("ALTER TABLE things DROP COLUMN name;\n")
    refused = asyncio.Event()
    run = runner._run

    async def noticed(*arguments: object) -> None:
        try:
            await run(*arguments)  # type: ignore[arg-type]
        except asyncpg.LockNotAvailableError:
            refused.set()
            raise

    monkeypatch.setattr(runner, "_run", noticed)
    async with connected(empty_database.owner_url) as reader:
        reading = reader.transaction()
        await reading.start()
        await reader.fetch("SELECT * FROM parley.things")
        migrating = asyncio.create_task(migrate(empty_database.owner_url, directory=directory))
        await refused.wait()
        await reading.rollback()
        assert len(await migrating) == 1


async def test_index_is_built_concurrently_while_others_wait_their_turn(
    empty_database: Database, directory: Path
) -> None:
    (directory / "0003_index.sql").write_text(
        "-- no transaction\n"
        "DROP INDEX CONCURRENTLY IF EXISTS things_name;\n"
        "CREATE INDEX CONCURRENTLY things_name ON things (name);\n"
    )
    applied = await asyncio.gather(*(migrate(empty_database.owner_url, directory=directory) for _ in range(4)))
    assert sorted(len(each) for each in applied) == [0, 0, 0, 3]
    assert await value(
        empty_database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'parley.things_name'::regclass"
    )


async def test_role_that_serves_learns_what_is_pending(empty_database: Database, directory: Path) -> None:
    await migrate(empty_database.owner_url, directory=directory)
    (directory / "0003_last.sql").write_text("SELECT 1;\n")
    async with connected(empty_database.runtime_url) as connection:
        assert [migration.name for migration in await pending(connection, directory)] == ["0003_last"]


@pytest.mark.parametrize(("name", "complaint"), [("0004_gap.sql", "without gaps"), ("3_short.sql", "be named like")])
async def test_misnamed_migrations_are_refused_before_anything_runs(
    empty_database: Database, directory: Path, name: str, complaint: str
) -> None:
    (directory / name).write_text("SELECT 1;\n")
    with pytest.raises(MigrationError, match=complaint):
        await migrate(empty_database.owner_url, directory=directory)
    assert await value(empty_database, "SELECT to_regnamespace('parley')") is None


async def migrate_first_two(database: Database, directory: Path) -> None:
    """Apply the first two migrations, whatever else is in the directory."""
    last = directory / "0003_last.sql"
    text = last.read_text() if last.exists() else None
    last.unlink(missing_ok=True)
    await migrate(database.owner_url, directory=directory)
    if text is not None:
        last.write_text(text)
