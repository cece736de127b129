"""Create objects of every type: with the domain's sample if there is one, otherwise with the create mutation."""

from __future__ import annotations

import dataclasses
import functools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg
from graphql import get_named_type

from gateway.data.clauses.name import quoted
from tests.kit import generated, samples
from tests.kit.database import Database
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client


@functools.cache
def creates() -> tuple[generated.Mutation, ...]:
    """The create mutations of all types that no sample has in its `ROWS`."""
    every = generated.mutations(graphql_schema())
    return tuple(each for each in every if each.takes_new_id and each.kind not in samples.rows())


@dataclass(slots=True)
class MadeObjects:
    """The objects that `make_all` created for a user."""

    ids: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    """Ids by type, the default one first."""
    states: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    """Ids by type and state, for the types that a sample creates."""

    @property
    def known(self) -> dict[str, str]:
        """The default id of each type."""
        return {kind: ids[0] for kind, ids in self.ids.items()}


async def make_all(client: Client, word: str) -> MadeObjects:
    """Create objects of every type, with `word` in each text."""
    made = MadeObjects()
    makers = samples.rows()
    needs = {kind: _needs(kind) for kind in makers}
    while needs:
        ready = [kind for kind, needed in needs.items() if made.known.keys() >= needed]
        assert ready, f"the ROWS of the samples depend on each other in a circle: {needs}"
        for kind in ready:
            made.states[kind] = await makers[kind](client, made.known, word)
            made.ids[kind] = list(made.states[kind].values())
            del needs[kind]
    made.ids |= await make_derived(client, made.known, word)
    await join_all(client, made.known)
    await write_own(client, word)
    return made


async def join_all(client: Client, known: dict[str, str]) -> None:
    """Join objects of all types that mutations join."""
    for mutation in generated.mutations(graphql_schema()):
        for kind in mutation.joins if mutation.name.startswith("add") else ():
            (others,) = mutation.ids.keys() - {"id"}
            values: dict[str, Any] = {"id": known[kind], others: [known[mutation.ids[others]]]}
            await client.make(mutation.name, "node", **values)


async def write_own(client: Client, word: str) -> None:
    """Put the word into the texts of the objects that each user has one of."""
    for mutation in generated.mutations(graphql_schema()):
        if not mutation.name.startswith("update") or "id" in mutation.inputs:
            continue
        values: dict[str, Any] = {}
        for name, field in mutation.inputs.items():
            of, declared = str(get_named_type(field.type)), samples.values_of(mutation.kind, name)
            if of == "JSON":
                values[name] = dict.fromkeys(declared[0] if declared else ["note"], word)
            elif of == "String" and not declared:
                values[name] = word
        # Without texts, any change will do.
        values = values or dict(mutation.values(lambda kind: ""))
        await client.make(mutation.name, mutation.object, **values)


def _needs(kind: str) -> set[str]:
    """The types that must have an object before one of this type can be created."""
    made_by = [each for each in generated.mutations(graphql_schema()) if each.makes and each.kind == kind]
    return {of for each in made_by for of in each.ids.values()} - {kind}


async def make_derived(client: Client, known: dict[str, str], word: str) -> dict[str, list[str]]:
    """Create two objects of each type that no sample creates, parents first.

    `known` holds an id of each of the other types.
    """
    made: dict[str, list[str]] = {}
    left = list(creates())
    while left:
        ready = [each for each in left if known.keys() >= set(each.ids.values()) - {each.kind}]
        assert ready, "cannot create these in any order, because each needs an object that does not exist yet: " + (
            "; ".join(f"{each.kind} (create it in ROWS of {samples.file_of(each.kind)})" for each in left)
        )
        for mutation in ready:
            for number in range(2):
                # The second object of a type refers to the second ones of others, and to the first of its own.
                others = known | {kind: ids[number] for kind, ids in made.items() if kind != mutation.kind}
                others |= {mutation.kind: made[mutation.kind][0]} if number else {}
                made.setdefault(mutation.kind, []).append(await make(client, mutation, others, word))
            known = known | {mutation.kind: made[mutation.kind][0]}
            left.remove(mutation)
    return made


async def make(client: Client, mutation: generated.Mutation, known: dict[str, str], word: str) -> str:
    """Create an object with every field set, and return its id."""
    # The first object of a type cannot refer to another one.
    missing = {name for name, kind in mutation.ids.items() if kind not in known}
    inputs = {name: field for name, field in mutation.inputs.items() if name not in missing}
    values = {n: content for n, content in mutation.values(lambda kind: known.get(kind, "")).items() if n in inputs}
    for name, field in inputs.items():
        text = {"String": word, "JSON": {"note": word}}.get(str(get_named_type(field.type)))
        if name in values and text is not None and not samples.values_of(mutation.kind, name):
            values[name] = [text] if isinstance(values[name], list) else text
    payload = await client.mutate(mutation.name, f"{mutation.object} {{ id }}", **values)
    refused = [f"{mutation.kind}.{'.'.join(error['field'] or ())}" for error in payload["userErrors"]]
    assert not refused, (
        f"{mutation} refused the generated input. Add a valid value for {', '.join(refused)} to VALUES in"
        f" {samples.file_of(mutation.kind)}, or create the rows in its ROWS. The errors: {payload['userErrors']}"
    )
    id: str = payload[mutation.object]["id"]
    return id


FOREIGN_KEYS = """
SELECT parent.relname AS parent, held.attname AS held,
    EXISTS (
        SELECT FROM pg_attribute AS shared
        WHERE shared.attrelid = con.conrelid AND shared.attnum = ANY (con.conkey) AND shared.attname = 'conversation_id'
    ) AS within
FROM pg_constraint AS con
JOIN pg_class AS parent ON parent.oid = con.confrelid
JOIN pg_attribute AS held ON held.attrelid = con.conrelid AND held.attnum = con.conkey[array_upper(con.conkey, 1)]
WHERE con.contype = 'f' AND con.conrelid = $1::regclass AND held.attname <> 'user_id'
"""


COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
"""
"""The columns of a table that are not generated."""


async def multiply(database: Database, user_id: uuid.UUID, tables: Iterable[str]) -> None:
    """Copy the user's row of each table once for every conversation, with parents that belong to the same user."""
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    try:
        await owner.execute("SET session_replication_role = replica")
        for table in tables:
            parent_ids = {row["held"]: _a_parent(row) for row in await owner.fetch(FOREIGN_KEYS, table)}
            parents = "".join(f", '{key}', {parent}" for key, parent in parent_ids.items())
            names = [quoted(row["attname"]) for row in await owner.fetch(COLUMNS, table)]
            one = f"(SELECT row FROM {table} AS row WHERE user_id = $1 LIMIT 1) AS one"  # noqa: S608
            await owner.execute(
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(f'(made).{name}' for name in names)}"  # noqa: S608
                " FROM (SELECT jsonb_populate_record(row, jsonb_build_object("
                f"'id', uuid7(), 'user_id', c.user_id{parents})) AS made"
                f" FROM conversations AS c, {one}) AS copies"
                # The row that is copied may be in the way of its own copy.
                " ON CONFLICT DO NOTHING",
                user_id,
            )
            await owner.execute(f"ANALYZE {table}")
        for each in await owner.fetch("SELECT parent, column_name, recount FROM rollups()"):
            await owner.execute(f"UPDATE {each['parent']} AS p SET {each['column_name']} = {each['recount']}")  # noqa: S608
    finally:
        await owner.close()


def _a_parent(key: asyncpg.Record) -> str:
    """An expression for the id of any parent, in the conversation `c` if the foreign key says so."""
    if key["parent"] == "conversations":
        return "c.id"
    within = " AND p.conversation_id = c.id" if key["within"] else ""
    any_one = "ORDER BY md5(p.id::text || c.id::text) LIMIT 1"
    return f"(SELECT p.id FROM {key['parent']} AS p WHERE p.user_id = c.user_id{within} {any_one})"  # noqa: S608
