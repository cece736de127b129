"""`sql/schema.sql` is what the migrations make, and each function is what its file says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import asyncpg
import pytest

from gateway.data.server.dump import dump_schema
from gateway.data.setup.functions import read_functions
from tests.kit.database import Database
from tests.kit.other_server import embedded_only

SCHEMA = Path(__file__).parents[2] / "sql" / "schema.sql"

FUNCTIONS = """
SELECT proname AS name, pg_get_functiondef(oid) AS definition, proacl::text AS rights, proowner AS owner,
    obj_description(oid, 'pg_proc') AS comment
FROM pg_proc
WHERE pronamespace = 'parley'::regnamespace
ORDER BY oid
"""
MAKES = re.compile(r"^\s*CREATE OR REPLACE FUNCTION (?:parley_work\.)?(\w+)\(", re.MULTILINE)
MADE_BY = re.compile(r"Made by (SELECT \w+\(.*\);)")


@embedded_only
async def test_schema_file_is_what_the_migrations_make(database: Database) -> None:
    assert dump_schema(database.owner_url) == SCHEMA.read_text(encoding="utf-8"), "run: make schema"


async def test_each_function_is_what_its_file_says(owner: asyncpg.Connection) -> None:
    before = await owner.fetch(FUNCTIONS)
    for file in read_functions():
        await owner.execute(file.text)
    assert await owner.fetch(FUNCTIONS) == before


async def test_each_function_that_is_made_for_a_table_is_what_would_be_made_now(owner: asyncpg.Connection) -> None:
    """A rule, a column or a foreign key that comes later needs another call: the comment says which."""
    before = await owner.fetch(FUNCTIONS)
    made = [found[1] for row in before if (found := MADE_BY.fullmatch(row["comment"] or ""))]
    assert len(made) > 10
    for statement in made:
        await owner.execute(statement)
    assert await owner.fetch(FUNCTIONS) == before


async def test_each_function_has_one_file_or_is_made_for_a_table(owner: asyncpg.Connection) -> None:
    named = Counter(name for file in read_functions() for name in set(MAKES.findall(file.text)))
    assert [name for name, files in named.items() if files > 1] == []
    for row in await owner.fetch(FUNCTIONS):
        assert (row["name"] in named) != bool(MADE_BY.fullmatch(row["comment"] or "")), f"{row['name']} has no file"


def test_a_file_has_the_name_of_its_first_function() -> None:
    for file in read_functions():
        assert MAKES.findall(file.text)[0] == file.name.rpartition("/")[2]


def test_no_migration_makes_a_function() -> None:
    for path in sorted((SCHEMA.parent / "migrations").glob("*.sql")):
        assert not re.search(r"CREATE (OR REPLACE )?FUNCTION", path.read_text(encoding="utf-8")), path.name


async def test_a_row_that_exists_violates_the_primary_key_first(owner: asyncpg.Connection) -> None:
    """By that, a create that is sent again is told from one that breaks a rule. The oldest index is checked first."""
    oldest = """
        SELECT DISTINCT ON (indrelid) indrelid::regclass::text AS name, indisprimary
        FROM pg_index
        JOIN pg_class AS t ON t.oid = indrelid
        WHERE t.relnamespace = 'parley'::regnamespace AND indisunique
        ORDER BY indrelid, indexrelid
    """
    assert [row["name"] for row in await owner.fetch(oldest) if not row["indisprimary"]] == []


async def test_a_table_whose_primary_key_would_come_too_late_is_refused(owner: asyncpg.Connection) -> None:
    await owner.execute("CREATE TABLE late (user_id uuid, id uuid DEFAULT uuid7(), name text UNIQUE)")
    with pytest.raises(asyncpg.RaiseError, match="late has a UNIQUE constraint: also declare PRIMARY KEY"):
        await owner.execute("SELECT tenant_table('late')")
