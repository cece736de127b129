"""Objects of every type that can be deleted: deleted, found in the trash, restored whole, and removed for good.

Types come from the schema. What belongs to an object, and what only names it, comes from the catalogue.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.estate import Estate, Scene, make_estate
from tests.kit.generated import entities, mutations, tables
from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.removal import (
    Key,
    changes_after,
    check_removed,
    cover,
    deleted_with,
    innermost_first,
    read_keys,
    removed_with,
)
from tests.kit.rows import NO_ROW, Rows, differences, ids_in, rows_of, unchanged
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving, first

TABLES = {entity.name: entity.table for entity in entities() if entity.in_trash}
DELETED_FOR_GOOD = {entity.table for entity in entities() if entity.deletable and not entity.restorable}
KINDS = pytest.mark.parametrize("kind", TABLES)
NAMES = {mutation.name for mutation in mutations(graphql_schema())}

LISTED = "query($types: [String!]) { viewer { trash(types: $types, first: 200) { nodes { entity id node { id } } } } }"
RESTORE = "mutation($id: ID!) { restore(input: {id: $id}) { node { id } userErrors { code field message } } }"
PURGE = "mutation($id: ID!) { purge(input: {id: $id}) { id isComplete userErrors { code field message } } }"
EMPTY = "mutation($of: [String!]) { emptyTrash(input: {types: $of}) { removed isComplete userErrors { code } } }"
CHANGES = """
query($after: Cursor) {
  changes(after: $after, first: 50) { nodes { entity id op node { id } } pageInfo { endCursor hasNextPage } }
}
"""
STREAM = "subscription($after: Cursor) { changes(after: $after) { entity id op node { id } } }"

NOT_THERE = Refusal("NOT_FOUND", "id", "There is no object with this id that can be in the trash.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keys(superuser: asyncpg.Connection) -> list[Key]:
    return await read_keys(superuser)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runtime(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the runtime role."""
    connection = await asyncpg.connect(database.runtime_url, server_settings={"search_path": "parley"})
    yield connection
    await connection.close()


async def delete(estate: Estate, runtime: asyncpg.Connection, kind: str, id: str) -> None:
    """Delete an object: by its mutation, or in the database if only its parents have one."""
    if f"delete{kind}" in NAMES:
        operation = (
            f"mutation($id: ID!) {{ delete{kind}(input: {{id: $id}}) {{ userErrors {{ code field message }} }} }}"
        )
        assert refusals(await estate.client.run(operation, id=id)) == []
        return
    await runtime.execute("SELECT set_config('app.user_id', $1, false)", estate.user_id)
    text = f"UPDATE {TABLES[kind]} SET deleted_at = clock_timestamp() WHERE user_id = $1 AND id = $2"  # noqa: S608
    assert await runtime.execute(text, uuid.UUID(estate.user_id), uuid.UUID(id)) == "UPDATE 1"


async def in_trash(client: Client, *kinds: str) -> list[tuple[str, str]]:
    """The types and ids of the objects in the trash, of these types or of all."""
    found = (await client.data(LISTED, types=list(kinds) or None))["viewer"]["trash"]["nodes"]
    assert all(item["node"] == {"id": item["id"]} for item in found)
    return [(item["entity"], item["id"]) for item in found]


def marks(rows: Rows) -> dict[tuple[str, str], Any]:
    """When each row was deleted, by table and id."""
    return {(name, row["id"]): row.get("deleted_at") for name, each in rows.items() for row in each if "id" in row}


@KINDS
async def test_an_object_comes_back_with_all_that_was_deleted_with_it(
    serving: Serving, superuser: asyncpg.Connection, runtime: asyncpg.Connection, keys: list[Key], kind: str
) -> None:
    estate, table = await make_estate(serving, superuser), TABLES[kind]
    for id in cover(keys, await rows_of(superuser, estate.user_id), table):
        rows = await rows_of(superuser, estate.user_id)
        within = deleted_with(keys, rows, (table, id)) - {(table, id)}
        earlier = [row for row in sorted(within) if row[0] in TABLES.values()][:1]
        for of, each in earlier:
            await delete(estate, runtime, tables()[of], each)
        before = marks(await rows_of(superuser, estate.user_id))
        expected = deleted_with(keys, await rows_of(superuser, estate.user_id), (table, id))
        await delete(estate, runtime, kind, id)
        deleted = marks(await rows_of(superuser, estate.user_id))
        assert {row for row in before if deleted.get(row, before[row]) != before[row]} == expected
        assert len({deleted[row] for row in expected}) == 1
        listed = await in_trash(estate.client)
        assert listed[0] == (kind, id)
        assert not {each for _, each in listed[1:]} & {each for _, each in within}, "they come back with their parent"
        assert (kind, id) in await in_trash(estate.client, kind)
        for _ in range(2):
            restored = await estate.client.data(RESTORE, id=id)
            assert restored == {"restore": {"node": {"id": id}, "userErrors": []}}
        after = marks(await rows_of(superuser, estate.user_id))
        gone = {row for row in expected if row[0] in DELETED_FOR_GOOD}
        assert {row for row in before if after.get(row, before[row]) != before[row]} == gone
        assert (kind, id) not in await in_trash(estate.client)
        for of, each in earlier:
            assert (tables()[of], each) in await in_trash(estate.client)
            await estate.client.data(RESTORE, id=each)
    assert await differences(superuser) == []


@KINDS
async def test_a_strangers_object_is_answered_like_one_that_is_missing(
    scene: Scene, runtime: asyncpg.Connection, kind: str
) -> None:
    """Whether it is deleted or not."""
    id = scene.victim.ids[kind][0]
    stranger = scene.stranger.client
    for is_deleted in (False, True):
        if is_deleted:
            await delete(scene.victim, runtime, kind, id)
        async with unchanged(scene.superuser, scene.victim.user_id, scene.stranger.user_id):
            for operation in (RESTORE, PURGE):
                answer = await stranger.run(operation, id=id)
                assert only_refusal(answer) == NOT_THERE
                assert json.dumps(answer) == json.dumps(await stranger.run(operation, id=NO_ROW)).replace(NO_ROW, id)
            assert (kind, id) not in await in_trash(stranger)
    await scene.victim.client.data(RESTORE, id=id)


@KINDS
async def test_what_is_not_deleted_is_not_removed(scene: Scene, kind: str) -> None:
    id = scene.victim.ids[kind][0]
    async with unchanged(scene.superuser, scene.victim.user_id):
        refusal = only_refusal(await scene.victim.client.run(PURGE, id=id))
        assert refusal == Refusal("CONFLICT", "id", "Delete this object first.")


@KINDS
async def test_an_object_is_removed_with_all_that_belongs_to_it(
    serving: Serving, superuser: asyncpg.Connection, runtime: asyncpg.Connection, keys: list[Key], kind: str
) -> None:
    estate, table = await make_estate(serving, superuser), TABLES[kind]
    for id in cover(keys, await rows_of(superuser, estate.user_id), table):
        if id in ids_in(await rows_of(superuser, estate.user_id)):  # not gone with one before
            await check_removal(estate, superuser, runtime, keys, kind, id)


async def check_removal(
    estate: Estate, superuser: asyncpg.Connection, runtime: asyncpg.Connection, keys: list[Key], kind: str, id: str
) -> None:
    """Check what happens when an object is removed for good."""
    table = TABLES[kind]
    await delete(estate, runtime, kind, id)
    before = await rows_of(superuser, estate.user_id)
    gone = removed_with(keys, before, (table, id))
    await begin(estate, superuser, runtime, kind, id)
    cursor = (await estate.client.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    assert await estate.client.data(PURGE, id=id) == {"purge": {"id": id, "isComplete": True, "userErrors": []}}
    check_removed(keys, before, await rows_of(superuser, estate.user_id), gone)
    told_of = {(row["entity"], row["entity_id"]) for row in before["changes"]}
    changes = await changes_after(superuser, estate.user_id, int(cursor.split(".")[1]))
    purged = sorted((of, each) for of, each, op in changes if op == "purge")
    assert purged == sorted(gone & told_of), "each row that the feed has told of is told as removed, once"
    count = sum(of in tables() for of, _, _ in changes)
    await check_told(estate, cursor, {(tables()[of], each) for of, each in gone if of in tables()}, count)
    assert await differences(superuser) == []
    async with unchanged(superuser, estate.user_id):
        for operation in (PURGE, RESTORE):
            assert only_refusal(await estate.client.run(operation, id=id)) == NOT_THERE


async def begin(estate: Estate, superuser: asyncpg.Connection, runtime: asyncpg.Connection, kind: str, id: str) -> None:
    """Begin a removal. From now on the object cannot be restored, and is no longer in the trash."""
    await runtime.execute("SELECT set_config('app.user_id', $1, false)", estate.user_id)
    assert await runtime.fetchval("SELECT purge_begin($1, $2)", TABLES[kind], uuid.UUID(id))
    own = f"mutation($id: ID!) {{ restore{kind}(input: {{id: $id}}) {{ userErrors {{ code field message }} }} }}"
    async with unchanged(superuser, estate.user_id):
        for operation in (RESTORE, own) if f"restore{kind}" in NAMES else (RESTORE,):
            refusal = only_refusal(await estate.client.run(operation, id=id))
            assert (refusal.code, refusal.field) == ("CONFLICT", "id")
            assert refusal.message.endswith("is being removed permanently.")
    assert (kind, id) not in await in_trash(estate.client)


async def check_told(estate: Estate, after: str, removed: set[tuple[str, str]], count: int) -> None:
    """Check that a client is told once that these objects are gone, by pages and by a stream of `count` events."""
    found: list[dict[str, Any]] = []
    cursor, more = after, True
    while more:
        page = (await estate.client.data(CHANGES, after=cursor))["changes"]
        cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        found += page["nodes"]
    async with estate.client.socket() as socket:
        events = await first(await socket.subscribe(STREAM, after=after), count)
    for changes in (found, [event["changes"] for event in events]):
        gone = [each for each in changes if (each["op"], each["node"]) == ("DELETED", None)]
        assert sorted((each["entity"], each["id"]) for each in gone) == sorted(removed)


async def test_the_trash_is_emptied_of_one_type_after_another(
    serving: Serving, superuser: asyncpg.Connection, runtime: asyncpg.Connection, keys: list[Key]
) -> None:
    estate = await make_estate(serving, superuser)
    for table in innermost_first(keys, list(TABLES.values())):
        rows = (await rows_of(superuser, estate.user_id))[table]
        id = next(row["id"] for row in rows if row["deleted_at"] is None)
        await delete(estate, runtime, tables()[table], id)
    left = await in_trash(estate.client)
    assert len(left) > 1
    for kind in sorted({kind for kind, _ in left}):
        mine = [each for each in await in_trash(estate.client) if each[0] == kind]
        left = [each for each in await in_trash(estate.client) if each[0] != kind]
        emptied = (await estate.client.data(EMPTY, of=[kind]))["emptyTrash"]
        assert (emptied["removed"], emptied["isComplete"], emptied["userErrors"]) == (len(mine), True, [])
        assert await in_trash(estate.client) == left
        rows = (await rows_of(superuser, estate.user_id)).get(TABLES[kind], [])
        assert not {row["id"] for row in rows} & {id for _, id in mine}
    assert left == []
    assert await differences(superuser) == []
