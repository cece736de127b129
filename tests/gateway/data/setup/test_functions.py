"""A function is its file: changed with it, on any start, but never put back by an older Parley."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from gateway.data.setup.functions import AppliedFunction, FunctionFile, outdated
from gateway.data.setup.migrate import migrate, pending
from gateway.data.setup.migration import MigrationError
from tests.kit.database import Database

ANSWER = "CREATE OR REPLACE FUNCTION answer() RETURNS integer LANGUAGE sql AS 'SELECT 42';\n"
COUNT = "CREATE OR REPLACE FUNCTION thing_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM things';\n"
NAME = "CREATE OR REPLACE FUNCTION name_of(thing things) RETURNS text LANGUAGE sql AS $$ SELECT thing.id::text $$;\n"
THINGS = "CREATE TABLE things (id integer DEFAULT answer(), others bigint DEFAULT thing_count());\n"


class Files:
    """One migration and three functions: one that its table needs, one that needs the table, and one of its rows."""

    def __init__(self, path: Path) -> None:
        self.directory, self.functions = path / "migrations", path / "functions"
        self.directory.mkdir()
        (self.functions / "things").mkdir(parents=True)
        (self.directory / "0001_things.sql").write_text(THINGS)
        for name, text in {"answer": ANSWER, "thing_count": COUNT, "name_of": NAME}.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        """Write a function's file."""
        (self.functions / "things" / f"{name}.sql").write_text(text)

    async def migrate(self, database: Database) -> list[str]:
        """Migrate, and say what was applied."""
        applied = await migrate(database.owner_url, directory=self.directory, functions=self.functions)
        return [file.name for file in applied]

    async def pending(self, database: Database) -> list[str]:
        """What the role that serves says is missing."""
        async with connected(database.runtime_url) as connection:
            return [file.name for file in await pending(connection, self.directory, self.functions)]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, server_settings={"search_path": "parley"})
    try:
        yield connection
    finally:
        await connection.close()


async def value(database: Database, query: str) -> object:
    async with connected(database.owner_url) as connection:
        return await connection.fetchval(query)


async def test_tables_and_functions_may_need_each_other(empty_database: Database, files: Files) -> None:
    names = [f"functions/things/{name}" for name in ("answer", "name_of", "thing_count")]
    assert await files.migrate(empty_database) == ["0001_things", *names]
    made = "INSERT INTO things DEFAULT VALUES RETURNING (id, others, name_of(things))::text"
    assert await value(empty_database, made) == "(42,0,42)"
    assert await files.migrate(empty_database) == []


async def test_a_function_whose_file_has_changed_is_replaced(empty_database: Database, files: Files) -> None:
    await files.migrate(empty_database)
    files.write("answer", ANSWER.replace("42", "43"))
    assert await files.pending(empty_database) == ["functions/things/answer"]
    assert await files.migrate(empty_database) == ["functions/things/answer"]
    assert await files.pending(empty_database) == []
    assert await value(empty_database, "SELECT answer()") == 43


async def test_a_migration_runs_before_the_functions_that_it_changes(empty_database: Database, files: Files) -> None:
    await files.migrate(empty_database)
    (files.directory / "0002_more.sql").write_text(
        "DROP FUNCTION answer() CASCADE;\nALTER TABLE things ADD COLUMN twice integer;\n"
    )
    files.write("answer", ANSWER.replace("integer", "bigint"))
    assert await files.migrate(empty_database) == ["0002_more", "functions/things/answer"]
    assert await value(empty_database, "SELECT pg_typeof(answer())::text") == "bigint"


MAKER = """
CREATE OR REPLACE FUNCTION make(result integer) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION made() RETURNS text LANGUAGE sql AS $b$ SELECT %L $b$', 'one ' || result);
    EXECUTE format('COMMENT ON FUNCTION made() IS %L', format('Made by SELECT make(%s);', result));
END
$$;
"""


async def test_what_a_changed_function_has_made_is_made_anew(empty_database: Database, files: Files) -> None:
    path = files.functions / "tables" / "make.sql"
    path.parent.mkdir()
    path.write_text(MAKER)
    (files.directory / "0002_made.sql").write_text("SELECT make(7);\n")
    await files.migrate(empty_database)
    assert await value(empty_database, "SELECT made()") == "one 7"
    path.write_text(MAKER.replace("'one '", "'two '"))
    await files.migrate(empty_database)
    assert await value(empty_database, "SELECT made()") == "two 7"


async def test_an_older_parley_puts_nothing_back(empty_database: Database, files: Files) -> None:
    await files.migrate(empty_database)
    await value(empty_database, "UPDATE functions SET parley = '99.1.0' WHERE name LIKE '%answer'")
    files.write("answer", ANSWER.replace("42", "41"))
    assert await files.pending(empty_database) == []
    with pytest.raises(MigrationError, match=r"are from Parley 99\.1\.0"):
        await files.migrate(empty_database)
    assert await value(empty_database, "SELECT answer()") == 42


def test_versions_are_compared_as_numbers() -> None:
    file = FunctionFile("functions/answer", ANSWER)
    applied = [AppliedFunction(file.name, "another", "0.9.0")]
    assert outdated([file], applied, version="0.10.0") == [file]
    with pytest.raises(MigrationError):
        outdated([file], [AppliedFunction(file.name, file.checksum, "0.10.0")], version="0.9.0")


@pytest.mark.parametrize("text", ["CREATE OR REPLACE FUNCTON answer();", COUNT.replace("things'", "nothing'")])
async def test_a_function_that_fails_is_named_and_changes_nothing(
    empty_database: Database, files: Files, text: str
) -> None:
    await files.migrate(empty_database)
    files.write("answer", ANSWER.replace("42", "43"))
    files.write("thing_count", text)
    with pytest.raises(MigrationError, match=r"functions/things/thing_count failed.* It changed nothing"):
        await files.migrate(empty_database)
    assert await value(empty_database, "SELECT answer()") == 42


async def test_what_is_not_granted_is_for_the_owner_alone(empty_database: Database, files: Files) -> None:
    files.write("thing_count", COUNT + "GRANT EXECUTE ON FUNCTION thing_count TO parley_runtime;\n")
    await files.migrate(empty_database)
    ours = "FROM pg_proc WHERE pronamespace = 'parley'::regnamespace"
    assert await value(empty_database, f"SELECT count(*) {ours} AND proowner = 'parley_owner'::regrole") == 3
    granted = f"SELECT array_agg(proname::text) {ours} AND has_function_privilege('parley_app', oid, 'EXECUTE')"
    assert await value(empty_database, granted) == ["thing_count"]
