"""What stops `parley serve` is found by the same functions, in the same words, and can be mended as it says."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from gateway.config import Settings
from gateway.data.server.opening import Behind, OpenDatabase, check
from gateway.data.setup.guard import UnsafeDatabase
from gateway.doctor.checks.safety import connection, declarations, functions, migrations, row_security
from gateway.doctor.finding import Severity
from tests.gateway.doctor.checking import execute, paste, problems, run_check, settings_on
from tests.kit.database import Database
from tests.kit.network.ports import free_port
from tests.kit.serving import settings_for


@pytest.fixture
def serving(installed: Settings) -> Settings:
    """The installation as `parley serve` sees it where it may not migrate."""
    return installed.model_copy(update={"owner_url": None})


@pytest_asyncio.fixture(loop_scope="module")
async def forgetful(database: Database) -> AsyncIterator[None]:
    """The database has forgotten that it has a function."""
    await execute(database, "DELETE FROM parley.functions WHERE name = 'functions/tenancy/uuid7'")
    yield


async def test_healthy_database_is_safe(installed: Settings, serving: Settings) -> None:
    for each in (connection, migrations, functions, row_security, declarations):
        assert (await run_check(each, installed)).status == "ok"
        assert (await run_check(each, serving)).status == "ok"


async def test_missing_database_is_an_error_and_what_it_would_say_is_not_checked(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    (finding,) = await problems(connection, settings)
    assert finding.severity is Severity.ERROR
    assert f"There is no database in {tmp_path}." in finding.problem
    for each in (migrations, functions, row_security, declarations):
        assert (await run_check(each, settings)).status == "not checked"
    assert os.listdir(tmp_path) == []


async def test_database_without_tables_needs_a_migration(empty_database: Database, tmp_path: Path) -> None:
    settings = settings_on(empty_database, tmp_path)
    (finding,) = await problems(migrations, settings)
    assert "has not been migrated" in finding.problem
    for each in (functions, row_security, declarations):
        assert (await run_check(each, settings)).not_checked == "The database lacks tables of this version of Parley."
    await paste(finding, settings)
    for each in (migrations, functions, row_security, declarations):
        assert (await run_check(each, settings)).status == "ok"


async def test_database_that_does_not_answer_is_an_error(database: Database, tmp_path: Path) -> None:
    url = f"postgresql://parley_app:secret@127.0.0.1:{free_port()}/parley"
    (finding,) = await problems(connection, settings_for(tmp_path, database_url=url))
    assert finding.severity is Severity.ERROR
    assert "does not answer" in finding.problem
    assert "secret" not in finding.problem


async def test_owner_that_cannot_connect_is_a_warning(database: Database, tmp_path: Path) -> None:
    url = database.owner_url.replace("postgres@", "nobody_at_all@", 1)
    (finding,) = await problems(connection, settings_on(database, tmp_path, owner_url=url))
    assert finding.severity is Severity.WARNING
    assert "nobody_at_all" in finding.problem


@pytest.mark.usefixtures("forgetful")
async def test_missing_function_is_an_error_where_serve_refuses_it(database: Database, serving: Settings) -> None:
    (finding,) = await problems(migrations, serving)
    with pytest.raises(Behind) as refused:
        await check(OpenDatabase(database.runtime_url, None))
    assert (finding.severity, finding.problem) == (Severity.ERROR, str(refused.value))
    assert "functions/tenancy/uuid7" in finding.problem
    assert (await run_check(declarations, serving)).not_checked == "The database lacks migrations or functions."


@pytest.mark.usefixtures("forgetful")
async def test_missing_function_is_a_warning_where_serve_adds_it(installed: Settings) -> None:
    (finding,) = await problems(migrations, installed)
    assert finding.severity is Severity.WARNING
    await paste(finding, installed)
    assert await problems(migrations, installed) == []


async def test_migration_and_functions_of_a_newer_version_are_told(database: Database, serving: Settings) -> None:
    await execute(
        database,
        "INSERT INTO parley.migrations (number, name, checksum) VALUES (9999, '9999_future', '')",
        "UPDATE parley.functions SET parley = '99.0.0' WHERE name = 'functions/tenancy/uuid7'",
    )
    (finding,) = await problems(migrations, serving)
    assert "a newer Parley: 9999_future" in finding.problem
    (finding,) = await problems(functions, serving)
    assert "from Parley 99.0.0" in finding.problem
    await execute(
        database,
        "DELETE FROM parley.migrations WHERE number = 9999",
        "UPDATE parley.functions SET parley = (SELECT min(parley) FROM parley.functions)",
    )
    assert await problems(migrations, serving) == await problems(functions, serving) == []


async def test_migration_that_was_changed_is_an_error(database: Database, installed: Settings) -> None:
    await execute(database, "UPDATE parley.migrations SET checksum = '-' || checksum WHERE number = 2")
    (finding,) = await problems(migrations, installed)
    assert finding.severity is Severity.ERROR
    assert "was changed after it was applied" in finding.problem
    await execute(database, "UPDATE parley.migrations SET checksum = substr(checksum, 2) WHERE number = 2")
    assert await problems(migrations, installed) == []


async def test_function_that_this_version_does_not_have_is_noted(database: Database, serving: Settings) -> None:
    await execute(database, "INSERT INTO parley.functions VALUES ('functions/gone', '', '0.0.1')")
    (finding,) = (await run_check(functions, serving)).findings
    assert (finding.severity, finding.subject) == (Severity.NOTE, "functions/gone")
    await execute(database, "DELETE FROM parley.functions WHERE name = 'functions/gone'")


async def test_table_without_forced_row_security_is_an_error_in_the_words_of_serve(
    database: Database, serving: Settings, installed: Settings
) -> None:
    await execute(database, "ALTER TABLE parley.messages NO FORCE ROW LEVEL SECURITY")
    (finding,) = await problems(row_security, serving)
    with pytest.raises(UnsafeDatabase) as refused:
        await check(OpenDatabase(database.runtime_url, None))
    assert refused.value.problems == (f"{finding.problem.removesuffix('.')}: {finding.sql}",)
    assert finding.severity is Severity.ERROR
    await paste(finding, installed)
    assert await problems(row_security, serving) == []


async def test_index_that_a_declaration_needs_is_missed(database: Database, serving: Settings) -> None:
    owner = await asyncpg.connect(database.owner_url)
    ((name, definition),) = await owner.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'tool_transitions' AND indexname !~ 'pkey'"
    )
    await owner.execute(f"DROP INDEX parley.{name}")
    (finding,) = await problems(declarations, serving)
    assert finding.severity is Severity.ERROR
    assert "would read the whole table tool_transitions" in finding.problem
    await owner.execute(definition)
    await owner.close()
    assert await problems(declarations, serving) == []
