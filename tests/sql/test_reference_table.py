"""A reference table is the same for all users, and only the owner writes it."""

from __future__ import annotations

import uuid

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.setup.catalogue import read_catalogue

TABLE = """
CREATE TABLE colours (id uuid PRIMARY KEY GENERATED ALWAYS AS (natural_id(name)) STORED, name text NOT NULL);
SELECT reference_table('colours');
INSERT INTO colours (name) VALUES ('red');
"""


@pytest_asyncio.fixture(loop_scope="module")
async def colours(owner: asyncpg.Connection) -> asyncpg.Connection:
    """The owner's connection to a database with a reference table."""
    await owner.execute(TABLE)
    return owner


@pytest.mark.parametrize("caller", ["", str(uuid.uuid4())], ids=["nobody", "somebody"])
async def test_everyone_reads_it(colours: asyncpg.Connection, caller: str) -> None:
    await colours.execute("SELECT set_config('app.user_id', $1, true)", caller)
    await colours.execute("SET LOCAL ROLE parley_runtime")
    assert await colours.fetchval("SELECT name FROM colours WHERE id = natural_id('red')") == "red"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO colours (name) VALUES ('blue')",
        "UPDATE colours SET name = 'blue'",
        "DELETE FROM colours",
        "TRUNCATE colours",
        "SELECT FROM colours FOR UPDATE",
        "INSERT INTO llm_models (provider) VALUES ('mine')",
        "UPDATE llm_models SET input_usd_per_million = 0",
        "DELETE FROM llm_model_prices",
        "SELECT reference_table('colours')",
    ],
)
async def test_the_serving_role_does_not_write_it(colours: asyncpg.Connection, statement: str) -> None:
    await colours.execute("SET LOCAL ROLE parley_runtime")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await colours.execute(statement)


async def test_the_catalogue_knows_which_tables_they_are(colours: asyncpg.Connection) -> None:
    tables = await read_catalogue(colours)
    assert {name for name, table in tables.items() if table.is_reference} == {
        *("colours", "llm_models", "llm_model_prices"),
    }


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ("id uuid PRIMARY KEY, user_id uuid", "wrong has a user_id: use tenant_table"),
        ("id uuid", "wrong needs id uuid PRIMARY KEY"),
        ("name text PRIMARY KEY", "wrong needs id uuid PRIMARY KEY"),
        ("id uuid, name text, PRIMARY KEY (id, name)", "wrong needs id uuid PRIMARY KEY"),
    ],
)
async def test_a_table_that_cannot_be_one_is_refused(owner: asyncpg.Connection, columns: str, problem: str) -> None:
    await owner.execute(f"CREATE TABLE wrong ({columns})")
    with pytest.raises(asyncpg.RaiseError, match=problem):
        await owner.execute("SELECT reference_table('wrong')")
