"""Every declared roll-up equals a recount after random mutations. Roll-ups are read from the database."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLEnumType, get_named_type

from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, mutations, own, tables
from tests.kit.refused import refusals
from tests.kit.rows import differences
from tests.kit.schema import graphql_schema
from tests.kit.serving import Serving

SCHEMA = graphql_schema()
STEPS = 150

ROLLUPS = "SELECT parent, column_name AS column, child, key FROM rollups()"
PARENTS = "SELECT DISTINCT parent FROM links_of($1)"
HISTORY = """
CREATE TABLE public.rolled_up (parent text, "column" text, value text);
CREATE FUNCTION public.note_roll_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.rolled_up SELECT TG_TABLE_NAME, TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[0];
    RETURN NULL;
END
$$;
"""
NOTE = """
CREATE TRIGGER note_{column} AFTER UPDATE OF {column} ON {parent}
    FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION public.note_roll_up('{column}')
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rollups(superuser: asyncpg.Connection) -> list[asyncpg.Record]:
    """All roll-ups. From now on, the database notes each change of one."""
    found = await superuser.fetch(ROLLUPS)
    await superuser.execute(HISTORY)
    for parent, column in {(each["parent"], each["column"]) for each in found}:  # several may add to one column
        await superuser.execute(NOTE.format(parent=parent, column=column))
    return list(found)


def touching(kinds: set[str]) -> Iterator[Mutation]:
    """The mutations that write objects of these types, or refer to one."""
    for mutation in mutations(SCHEMA):
        if not mutation.signs_in and kinds & {mutation.kind, *mutation.ids.values()}:
            yield mutation


def random_input(estate: Estate, mutation: Mutation, chance: random.Random) -> dict[str, Any]:
    """A valid input that refers to random objects of the user, with random members of enumerations."""
    of_state = own(estate, mutation.name)

    def choose(kind: str) -> str:
        return of_state(kind) if chance.random() < 0.3 else chance.choice(estate.ids[kind])

    values = mutation.values(choose)
    for name, field in mutation.inputs.items():
        kind = get_named_type(field.type)
        if name in values and isinstance(kind, GraphQLEnumType) and not isinstance(values[name], list):
            values[name] = chance.choice(list(kind.values))
    return values


@pytest.mark.parametrize("seed", range(2))
async def test_roll_ups_equal_a_recount_after_random_mutations(
    serving: Serving, superuser: asyncpg.Connection, rollups: list[asyncpg.Record], seed: int
) -> None:
    estate, chance = await make_estate(serving, superuser), random.Random(seed)  # noqa: S311
    of, linked = tables(), set[str]()
    for child in {each["child"] for each in rollups}:
        linked |= {child, *(row["parent"] for row in await superuser.fetch(PARENTS, child))}
    # Objects of other tables, such as rows of join tables, are written by the mutations of their parents.
    chosen = list(touching({of[table] for table in linked if table in of} - {"User"}))
    close = [each for each in chosen if each.kind in {of.get(row["child"]) for row in rollups}] or chosen
    for _ in range(STEPS):
        mutation = chance.choice(close if chance.random() < 0.4 else chosen)
        answer = await estate.client.run(mutation.operation, input=random_input(estate, mutation, chance))
        if mutation.object and not refusals(answer):
            made = answer["data"][mutation.name][mutation.object]
            for each in made if isinstance(made, list) else [made]:
                known = estate.ids.setdefault(each["__typename"], [])
                known.extend({each["id"]} - set(known))
    assert await differences(superuser) == []


async def test_every_roll_up_was_changed(superuser: asyncpg.Connection, rollups: list[asyncpg.Record]) -> None:
    """Otherwise the recount above would prove nothing about it."""
    changed = {tuple(row) for row in await superuser.fetch('SELECT DISTINCT parent, "column" FROM public.rolled_up')}
    assert {(each["parent"], each["column"]) for each in rollups} <= changed
