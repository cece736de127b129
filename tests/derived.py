"""Rows of the types that no list of the tests names: made by their own mutations, with values from the schema.

A type whose values the schema does not give says so where `VALUES` and `VALUES_BY_TYPE` stand, in `tests/generated.py`.
"""

from __future__ import annotations

import functools
import uuid

import asyncpg
from graphql import get_named_type

from gateway.schema.build import graphql_schema
from tests import generated
from tests.database import Database
from tests.serving import Client

SAMPLED = {"Conversation", "Message", "ToolExecution", "ContextOptimization", "UsageLog"}
"""What `tests/estate.py` makes itself, in each of its states."""


@functools.cache
def creates() -> tuple[generated.Mutation, ...]:
    """The mutations that make an object of a type that is not sampled."""
    found = generated.mutations(graphql_schema())
    return tuple(each for each in found if each.makes and "id" in each.inputs and each.kind not in SAMPLED)


async def furnish(client: Client, known: dict[str, str], word: str) -> None:
    """Make two objects by each of them, parents first, with `word` in each text. `known` has an id for each type."""
    left = list(creates())
    while left:
        ready = [each for each in left if known.keys() >= set(each.ids.values()) - {each.kind}]
        assert ready, f"no order in which to make {', '.join(each.kind for each in left)}"
        for mutation in ready:
            known[mutation.kind], _ = [await make(client, mutation, known, word) for _ in range(2)]
            left.remove(mutation)


async def make(client: Client, mutation: generated.Mutation, known: dict[str, str], word: str) -> str:
    """Make an object with every field, and return its id."""
    inputs = {name: field for name, field in mutation.inputs.items() if mutation.ids.get(name) != mutation.kind}
    given = {name: content for name, content in mutation.values(known.__getitem__).items() if name in inputs}
    for name, field in inputs.items():
        text = {"String": word, "JSON": {"note": word}}.get(str(get_named_type(field.type)))
        if name in given and text is not None:
            given[name] = [text] if isinstance(given[name], list) else text
    payload = await client.mutate(mutation.name, f"{mutation.object} {{ id }}", **given)
    assert payload["userErrors"] == [], (
        f"{mutation} refuses the values that the schema gives: say in tests/generated.py, in VALUES, what a valid one"
        f" is for {payload['userErrors']}"
    )
    id: str = payload[mutation.object]["id"]
    return id


FOREIGN_KEYS = """
SELECT parent.relname AS parent, held.attname AS held
FROM pg_constraint AS con
JOIN pg_class AS parent ON parent.oid = con.confrelid
JOIN pg_attribute AS held ON held.attrelid = con.conrelid AND held.attnum = con.conkey[array_upper(con.conkey, 1)]
WHERE con.contype = 'f' AND con.conrelid = $1::regclass AND held.attname <> 'user_id'
"""


async def multiply(database: Database, user_id: uuid.UUID) -> None:
    """Copy the user's row of each derived table: one for each conversation there is, with a parent of its own user."""
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    try:
        await owner.execute("SET session_replication_role = replica")
        tables = {kind: table for table, kind in generated.tables().items()}
        for table in dict.fromkeys(tables[mutation.kind] for mutation in creates()):
            keys = {row["held"]: row["parent"] for row in await owner.fetch(FOREIGN_KEYS, table)}
            a_parent = "(SELECT p.id FROM {} AS p WHERE p.user_id = c.user_id LIMIT 1)"
            of_the_copy = {key: "c.id" if of == "conversations" else a_parent.format(of) for key, of in keys.items()}
            parents = "".join(f", '{key}', {parent}" for key, parent in of_the_copy.items())
            await owner.execute(
                f"INSERT INTO {table} SELECT (jsonb_populate_record(row, jsonb_build_object("  # noqa: S608
                f"'id', uuid7(), 'user_id', c.user_id{parents}))).*"
                f" FROM conversations AS c, (SELECT row FROM {table} AS row WHERE user_id = $1 LIMIT 1) AS one",
                user_id,
            )
            await owner.execute(f"ANALYZE {table}")
    finally:
        await owner.close()
