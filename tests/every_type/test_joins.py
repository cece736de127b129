"""Every join table: joining is idempotent, tells both ends once, is counted, and follows what is deleted and restored.

The mutations that join objects, and the types of these objects, are read from the schema.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from gateway.schema.fields.joined import MOST_JOINED
from tests.kit import derived
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, entities, mutations
from tests.kit.refused import refusals
from tests.kit.rows import NO_ROW, diff_rows, differences, rows_of, unchanged
from tests.kit.schema import graphql_schema
from tests.kit.serving import Serving

ALL = {mutation.name: mutation for mutation in mutations(graphql_schema())}
TABLES = {entity.name: entity.table for entity in entities()}
STEPS = 40

TOLD = "SELECT entity, entity_id::text AS id, op FROM changes WHERE user_id = $1 AND version > $2 ORDER BY version"


@dataclass(frozen=True, slots=True)
class Join:
    """A list of a type, through a join table, that mutations change."""

    kind: str
    """The type that has the list."""
    mutation: Mutation
    """The one that adds."""

    @property
    def ids(self) -> str:
        """The field of the inputs that names the others."""
        (name,) = self.mutation.inputs.keys() - {"id"}
        return name

    @property
    def other(self) -> str:
        """The type of the others."""
        return self.mutation.ids[self.ids]

    @property
    def listed(self) -> str:
        """The name of the list."""
        (name,) = self.mutation.payload.keys() - {"node", "userErrors"}
        return name

    async def run(self, estate: Estate, how: str, id: str, others: list[str]) -> dict[str, Any]:
        """Run one of the mutations, and return the whole response."""
        name = how + self.mutation.name.removeprefix("add")
        of = f"{name[0].upper()}{name[1:]}Input"
        wanted = f"node {{ __typename id version }} {self.listed} {{ id version }} userErrors {{ code field message }}"
        operation = f"mutation($input: {of}!) {{ {name}(input: $input) {{ {wanted} }} }}"
        return await estate.client.run(operation, input={"id": id, self.ids: others})

    async def change(self, estate: Estate, how: str, id: str, others: list[str]) -> list[str]:
        """Run one of the mutations, which must succeed, and return the ids that the object is now joined to."""
        answer = await self.run(estate, how, id, others)
        assert refusals(answer) == [], answer
        (payload,) = answer["data"].values()
        assert (payload["node"]["__typename"], payload["node"]["id"]) == (self.kind, id)
        return [each["id"] for each in payload[self.listed]]

    async def read(self, estate: Estate, id: str) -> list[str]:
        """The ids that the object is joined to, which must be as many as are counted."""
        selection = f"... on {self.kind} {{ {self.listed}(first: 200) {{ totalCount nodes {{ id }} }} }}"
        found = (await estate.client.data(f"query($id: ID!) {{ node(id: $id) {{ {selection} }} }}", id=id))["node"]
        assert found[self.listed]["totalCount"] == len(found[self.listed]["nodes"])
        return [each["id"] for each in found[self.listed]["nodes"]]

    async def new(self, estate: Estate, kind: str, count: int = 1) -> list[str]:
        """Create objects of a type."""
        create = ALL[f"create{kind}"]
        return [await derived.make(estate.client, create, estate.known, estate.canary) for _ in range(count)]

    async def mark(self, estate: Estate, verb: str, kind: str, id: str) -> None:
        """Delete or restore an object."""
        answer = await estate.client.run(ALL[f"{verb}{kind}"].operation, input={"id": id})
        assert refusals(answer) == []

    def __str__(self) -> str:
        return f"{self.kind}.{self.listed}"


JOINS = [Join(kind, each) for each in ALL.values() if each.name.startswith("add") for kind in each.joins]
EACH = pytest.mark.parametrize("join", JOINS, ids=str)
CHANGES = ("add", "remove", "set")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def another(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


async def version_of(superuser: asyncpg.Connection, estate: Estate) -> int:
    text = "SELECT version FROM feeds WHERE user_id = $1"
    return int(await superuser.fetchval(text, uuid.UUID(estate.user_id)))


async def told(superuser: asyncpg.Connection, estate: Estate, after: int) -> list[tuple[str, str, str]]:
    """What the feed has told after a version: the type or the table, the id, and the kind of change."""
    names = {table: kind for kind, table in TABLES.items()}
    rows = await superuser.fetch(TOLD, uuid.UUID(estate.user_id), after)
    return [(names.get(row["entity"], row["entity"]), row["id"], row["op"]) for row in rows]


def test_the_joins_are_found() -> None:
    assert "Conversation.tags" in map(str, JOINS)


@EACH
async def test_what_is_sent_again_changes_nothing(estate: Estate, superuser: asyncpg.Connection, join: Join) -> None:
    (id,), others = await join.new(estate, join.kind), await join.new(estate, join.other, 3)
    one, two, three = others
    for how, given, expected in (
        ("add", [two, one, two], [two, one]),
        ("remove", [one, three], [two]),
        ("set", [three, one, two], [two, three, one]),
        ("add", [], [two, three, one]),
        ("remove", [], [two, three, one]),
        ("set", [], []),
    ):
        assert await join.change(estate, how, id, given) == expected
        assert await join.read(estate, id) == expected
        async with unchanged(superuser, estate.user_id):
            assert await join.change(estate, how, id, given) == expected


@EACH
async def test_each_end_is_told_once_and_gets_another_version(
    estate: Estate, superuser: asyncpg.Connection, join: Join
) -> None:
    (id,), others = await join.new(estate, join.kind), await join.new(estate, join.other, 3)
    for how, given, touched in (("add", others, others), ("remove", others[:2], others[:2]), ("set", [], others[2:])):
        before = await version_of(superuser, estate)
        answer = await join.run(estate, how, id, given)
        changes = await told(superuser, estate, before)
        ends = sorted(each for each in changes if each[0] in TABLES)
        assert ends == sorted([(join.kind, id, "update"), *((join.other, other, "update") for other in touched)])
        assert [op for name, _, op in changes if name not in TABLES] == [
            "insert" if how == "add" else "purge" for _ in touched
        ]
        (payload,) = answer["data"].values()
        for shown in (payload["node"], *(each for each in payload[join.listed] if each["id"] in touched)):
            assert int(shown["version"]) > before


@EACH
@pytest.mark.parametrize("how", CHANGES)
async def test_ids_of_others_are_not_found_and_nothing_changes(
    estate: Estate, another: Estate, superuser: asyncpg.Connection, join: Join, how: str
) -> None:
    (id,), (known,) = await join.new(estate, join.kind), await join.new(estate, join.other)
    (their_id,), (their,) = await join.new(another, join.kind), await join.new(another, join.other)
    await join.change(another, "add", their_id, [their])
    async with unchanged(superuser, estate.user_id, another.user_id):
        for given, others, expected in (
            (their_id, [known], {"id"}),
            (their_id, [their], {"id", f"{join.ids}.0"}),
            (id, [their, known, NO_ROW, their], {f"{join.ids}.{n}" for n in (0, 2, 3)}),
            (known, [known], {"id"}),
        ):
            refused = refusals(await join.run(estate, how, given, others))
            assert {each.code for each in refused} == {"NOT_FOUND"}
            assert {each.field for each in refused} == expected
    assert await join.read(another, their_id) == [their]


@EACH
@pytest.mark.parametrize("how", CHANGES)
async def test_wrong_and_too_many_ids_are_refused(
    estate: Estate, superuser: asyncpg.Connection, join: Join, how: str
) -> None:
    (id,), (known,) = await join.new(estate, join.kind), await join.new(estate, join.other)
    async with unchanged(superuser, estate.user_id):
        refused = refusals(await join.run(estate, how, id, [known, "no id", known, "none"]))
        assert [(each.code, each.field) for each in refused] == [("INVALID", f"{join.ids}.{n}") for n in (1, 3)]
        (only,) = refusals(await join.run(estate, how, id, [known] * (MOST_JOINED + 1)))
        assert (only.code, only.field) == ("INVALID", join.ids)


@EACH
async def test_nothing_is_joined_to_what_is_deleted(estate: Estate, superuser: asyncpg.Connection, join: Join) -> None:
    (id,), (one, two) = await join.new(estate, join.kind), await join.new(estate, join.other, 2)
    await join.change(estate, "add", id, [one, two])
    await join.mark(estate, "delete", join.other, one)
    assert await join.read(estate, id) == [two]
    async with unchanged(superuser, estate.user_id):
        for how in CHANGES:
            (refused,) = refusals(await join.run(estate, how, id, [two, one]))
            assert (refused.code, refused.field) == ("NOT_FOUND", f"{join.ids}.1")
    await join.mark(estate, "restore", join.other, one)
    assert await join.read(estate, id) == [one, two]
    await join.mark(estate, "delete", join.kind, id)
    assert await differences(superuser) == []
    async with unchanged(superuser, estate.user_id):
        for how in CHANGES:
            answer = await join.run(estate, how, id, [one])
            (refused,) = refusals(answer)
            assert (refused.code, refused.field) == ("CONFLICT", "id")
            (payload,) = answer["data"].values()
            assert payload["node"]["id"] == id
    await join.mark(estate, "restore", join.kind, id)
    assert await join.read(estate, id) == [one, two]
    assert await differences(superuser) == []


@EACH
@pytest.mark.parametrize("seed", range(2))
async def test_lists_and_counts_are_right_after_random_changes(
    serving: Serving, superuser: asyncpg.Connection, join: Join, seed: int
) -> None:
    estate, chance = await make_estate(serving, superuser), random.Random(seed)  # noqa: S311
    lists: dict[str, list[str]] = {id: [] for id in await join.new(estate, join.kind, 3)}
    others = await join.new(estate, join.other, 5)
    deleted = set[str]()
    for _ in range(STEPS):
        id, given = chance.choice(list(lists)), chance.sample(others, chance.randrange(4))
        how = chance.choice((*CHANGES, "mark"))
        if how == "mark":
            one = chance.choice([*lists, *others])
            await join.mark(
                estate, "restore" if one in deleted else "delete", join.kind if one in lists else join.other, one
            )
            deleted ^= {one}
            continue
        refused = refusals(await join.run(estate, how, id, given))
        assert bool(refused) == bool(deleted & {id, *given})
        if refused:
            continue
        kept = [each for each in lists[id] if how == "add" or (each in given) == (how == "set")]
        lists[id] = kept + [each for each in given if how != "remove" and each not in kept]
        assert await join.read(estate, id) == [each for each in lists[id] if each not in deleted]
    for one in deleted:
        await join.mark(estate, "restore", join.kind if one in lists else join.other, one)
    assert {id: await join.read(estate, id) for id in lists} == lists
    assert await differences(superuser) == []


@EACH
async def test_calls_at_once_all_succeed(estate: Estate, superuser: asyncpg.Connection, join: Join) -> None:
    (id,), others = await join.new(estate, join.kind), await join.new(estate, join.other, 4)
    calls = [(how, others[n:] + others[:n]) for n in range(4) for how in ("add", "set", "add", "remove")]
    answers = await asyncio.gather(*(join.run(estate, how, id, given) for how, given in calls))
    assert [refusal for answer in answers for refusal in refusals(answer)] == []
    await join.change(estate, "set", id, others)
    assert sorted(await join.read(estate, id)) == sorted(others)
    assert await differences(superuser) == []


@EACH
async def test_a_change_takes_one_statement_besides_what_is_shown(estate: Estate, join: Join) -> None:
    (id,), others = await join.new(estate, join.kind), await join.new(estate, join.other, 3)
    estate.client.statements.texts.clear()
    await join.run(estate, "set", id, others)
    finding = len(join.mutation.joins) > 1
    assert len(estate.client.statements.texts) == 3 + finding, estate.client.statements.texts


@EACH
async def test_removal_for_good_takes_the_joins_along(
    estate: Estate, superuser: asyncpg.Connection, join: Join
) -> None:
    (id, kept), (one, two) = await join.new(estate, join.kind, 2), await join.new(estate, join.other, 2)
    for each in (id, kept):
        await join.change(estate, "add", each, [one, two])
    rows = await rows_of(superuser, estate.user_id)
    async with superuser.transaction():
        await superuser.execute("SET LOCAL ROLE parley_owner")
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", estate.user_id)
        for kind, gone in ((join.kind, id), (join.other, two)):
            await superuser.fetch("SELECT purge_rows($1, ARRAY[$2::uuid], 1000)", TABLES[kind], gone)
    assert await join.read(estate, kept) == [one]
    removed = [line for line in diff_rows(rows, await rows_of(superuser, estate.user_id)) if "gone from" in line]
    assert sum(id in line or two in line for line in removed) >= 5
    assert await differences(superuser) == []
