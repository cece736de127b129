"""Lists in orders of several columns and directions, with nulls and ranks, and each kind of filter.

`tests/every_type` checks the lists of Parley's types in the same way.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.entity import entity_of
from tests.gateway.schema.plain_table.binder import Binder
from tests.gateway.schema.plain_table.memo import Memo, Stamp
from tests.gateway.schema.plain_table.notebook import Notebook
from tests.gateway.schema.plain_table.pin import Pin
from tests.kit.database import Database
from tests.kit.lists.check import attribute_filters, check_filter, check_pages, random_filter
from tests.kit.lists.list_field import ListField, list_fields
from tests.kit.lists.reference import Reference, in_order, rows_of_list
from tests.kit.lists.scatter import Scatter
from tests.kit.serving import PASSWORD, Client, Serving

pytestmark = pytest.mark.timeout(300)

TYPES = {cls.__name__: entity_of(cls) for cls in (Notebook, Memo, Binder, Pin, Stamp)}
LISTS = {str(each): each for each in list_fields(TYPES)}
ORDERED = [
    pytest.param(listed, argument, order, executor, id=f"{listed}-{order}-{executor}")
    for listed in LISTS.values()
    for argument, order in listed.orders
    for executor in ("breadth_first", "depth_first")
    if executor == "breadth_first" or "," in order or listed.link.through or str(listed) == "Query.myStamps"
]
OF_NOTEBOOK = LISTS["Notebook.memos"]
MIXED = [order for _, order in OF_NOTEBOOK.orders if "," in order or order == "-due_at"]
ROWS = 10


@dataclass(frozen=True, slots=True)
class Filled:
    """A user with rows of each type, in a gateway for each executor."""

    clients: dict[str, Client]
    superuser: asyncpg.Connection
    parents: dict[str, str]

    def parent(self, listed: ListField) -> str:
        return self.parents[listed.parent.name if listed.parent else "Query"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(noted: Serving, noted_depth_first: Serving, noted_database: Database) -> AsyncIterator[Filled]:
    client = await noted.signed_up(email="lists@example.org")
    parents = {"Query": client.user_id or ""}
    parents["Binder"] = (await client.make("createBinder", "binder"))["id"]
    parents["Stamp"] = (await client.make("createStamp", "stamp", name="a"))["id"]
    for name in ("Notebook", "Other"):
        parents[name] = (await client.make("createNotebook", "notebook", title=name))["id"]
    memo: dict[str, Any] = {"notebookId": parents["Notebook"], "text": "fig"}
    await client.make("createPin", "pin", notebookId=parents["Notebook"])
    parents["Memo"] = (await client.make("createMemo", "memo", **memo))["id"]
    superuser = await asyncpg.connect(noted_database.owner_url, server_settings={"search_path": "parley"})
    for table, by, to, ids in (
        ("binder_memos", "binder_id", "memo_id", (parents["Binder"], parents["Memo"])),
        ("memo_stamps", "memo_id", "stamp_id", (parents["Memo"], parents["Stamp"])),
    ):
        text = f"INSERT INTO {table} (user_id, {by}, {to}) VALUES ($1, $2, $3)"  # noqa: S608
        await superuser.execute(text, UUID(client.user_id), *map(UUID, ids))
    scatter = Scatter(superuser, TYPES.values(), seed="lists")
    own = [each for each in LISTS.values() if str(each) != "Query.memos"]  # which holds those of the notebook
    for listed in sorted(own, key=lambda each: each.link.through is not None):
        await scatter.fill(listed, parents["Query"], parents[listed.parent.name if listed.parent else "Query"], ROWS)
    await scatter.fill(OF_NOTEBOOK, parents["Query"], parents["Other"], ROWS)
    await superuser.execute(
        "INSERT INTO memo_stamps (user_id, memo_id, stamp_id, deleted_at)"
        " SELECT m.user_id, m.id, s.id, CASE WHEN m.points = 1 THEN now() END"
        " FROM memos AS m, stamps AS s WHERE m.points IS NOT NULL AND s.id > m.id AND m.deleted_at IS NULL LIMIT 40"
    )
    await superuser.execute("UPDATE memos SET deleted_at = now() WHERE points = 3 AND weight = 0.5")
    other = noted_depth_first.anonymous()
    signed_in = await other.mutate("signIn", "accessToken", email="lists@example.org", password=PASSWORD)
    other.token = signed_in["accessToken"]
    yield Filled({"breadth_first": client, "depth_first": other}, superuser, parents)
    await superuser.close()


@pytest.mark.parametrize(("listed", "argument", "order", "executor"), ORDERED)
async def test_pages_of_any_size_give_each_row_once_in_order(
    filled: Filled, listed: ListField, argument: str, order: str, executor: str
) -> None:
    client = filled.clients[executor]
    await check_pages(client, filled.superuser, listed, filled.parent(listed), argument, order)


@pytest.mark.parametrize("name", ["Notebook.memos", "Query.memos"])
async def test_each_attribute_of_a_filter_finds_what_it_says(filled: Filled, name: str) -> None:
    listed = LISTS[name]
    rows = await rows_of_list(filled.superuser, listed, filled.parent(listed))
    reference = await Reference.read(filled.superuser, listed)
    found: dict[str, set[int]] = {}
    for attribute, filter in attribute_filters(listed, rows, reference):
        client, parent = filled.clients["breadth_first"], filled.parent(listed)
        size = len(await check_filter(client, listed, parent, rows, reference, filter))
        found.setdefault(attribute, set()).add(size)
    ever_the_same = {attribute for attribute, sizes in found.items() if len(sizes) == 1}
    assert ever_the_same <= {"created_before", "device_id", "tmdb_id", "notebook_id"}, (
        "attributes that make no difference"
    )


@pytest.mark.parametrize("executor", ["breadth_first", "depth_first"])
async def test_filters_within_a_filter_find_what_they_say(filled: Filled, executor: str) -> None:
    client, parent = filled.clients[executor], filled.parent(OF_NOTEBOOK)
    rows = await rows_of_list(filled.superuser, OF_NOTEBOOK, parent)
    reference = await Reference.read(filled.superuser, OF_NOTEBOOK)
    single = [filter for _, filter in attribute_filters(OF_NOTEBOOK, rows, reference)]
    choices = random.Random(5)  # noqa: S311
    sizes = [
        len(await check_filter(client, OF_NOTEBOOK, parent, rows, reference, random_filter(choices, single, 4)))
        for _ in range(120)
    ]
    assert len(set(sizes)) > 5, "the filters find all rows, or none: they prove little"


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({"OR": []}, lambda row: False),
        ({"OR": None, "NOT": None}, lambda row: True),
        ({"OR": [{}]}, lambda row: True),
        ({"NOT": {}}, lambda row: False),
        ({"NOT": {"OR": []}}, lambda row: True),
        ({"NOT": {"points": [1]}}, lambda row: row["points"] != 1),
        ({"NOT": {"pointsFrom": 2}}, lambda row: row["points"] is None or row["points"] < 2),
        ({"NOT": {"NOT": {"pointsFrom": 2}}}, lambda row: (row["points"] or 0) >= 2),
        (
            {"NOT": {"points": [2], "colour": ["GREEN"]}},
            lambda row: not (row["points"] == 2 and row["colour"] == "green"),
        ),
        (
            {"points": [1], "OR": [{"weightFrom": 1}, {"label": None}]},
            lambda row: row["points"] == 1 and (row["weight"] >= 1 or row["label"] is None),
        ),
    ],
    ids=lambda each: "" if callable(each) else str(each),
)
async def test_or_and_not_treat_nulls_and_empty_lists_as_described(
    filled: Filled, filter: dict[str, Any], expected: Any
) -> None:
    client, parent = filled.clients["breadth_first"], filled.parent(OF_NOTEBOOK)
    rows = await rows_of_list(filled.superuser, OF_NOTEBOOK, parent)
    arguments, declared = "first: 200, filter: $filter", "$filter: MemoFilter"
    page = await OF_NOTEBOOK.ask(client, parent, arguments, "{ nodes { id } }", declared, filter=filter)
    assert {node["id"] for node in page["nodes"]} == {str(row["id"]) for row in rows if expected(row)}


@pytest.mark.parametrize("order", MIXED)
async def test_pages_of_several_parents_come_together(filled: Filled, order: str) -> None:
    client = filled.clients["breadth_first"]
    (argument,) = (argument for argument, each in OF_NOTEBOOK.orders if each == order)
    parents = [filled.parents["Notebook"], filled.parents["Other"]]
    expected = {
        parent: in_order(await rows_of_list(filled.superuser, OF_NOTEBOOK, parent), OF_NOTEBOOK, order)
        for parent in parents
    }
    operation = f"""query($ids: [ID!]!, $after: Cursor, $before: Cursor) {{ nodes(ids: $ids) {{ id ... on Notebook {{
        start: memos({argument}, first: 3) {{ pageInfo {{ endCursor }} }}
        next: memos({argument}, first: 3, after: $after) {{ nodes {{ id }} pageInfo {{ hasPreviousPage }} }}
        last: memos({argument}, last: 3, before: $before) {{ nodes {{ id }} pageInfo {{ hasNextPage }} }} }} }} }}"""
    first = (await client.data(operation, ids=parents[:1]))["nodes"][0]["start"]["pageInfo"]["endCursor"]
    # The position of one list continues any list in this order.
    both = (await client.data(operation, ids=parents, after=first, before=first))["nodes"]
    rows = [row for parent in parents for row in await rows_of_list(filled.superuser, OF_NOTEBOOK, parent)]
    everything = in_order(rows, OF_NOTEBOOK, order)
    at = everything.index(expected[parents[0]][2])
    for parent, notebook in zip(parents, both, strict=True):
        after = [id for id in everything[at + 1 :] if id in expected[parent]]
        before = [id for id in everything[:at] if id in expected[parent]]
        assert [node["id"] for node in notebook["next"]["nodes"]] == after[:3]
        assert [node["id"] for node in notebook["last"]["nodes"]] == before[-3:]
        assert notebook["next"]["pageInfo"]["hasPreviousPage"] is (len(after) < len(expected[parent]))
        assert notebook["last"]["pageInfo"]["hasNextPage"] is (len(before) < len(expected[parent]))


TIME, ID = "2026-01-01T12:00:00+00:00", "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("position", "is_good"),
    [
        ((True, TIME, 1, ID), True),
        ((False, None, None, ID), True),
        ((False, TIME, 3, ID), True),
        ((None, TIME, 1, ID), False),
        ((True, TIME, 1, None), False),
        ((True, TIME, 0, ID), False),
        ((True, TIME, 4, ID), False),
        ((True, TIME, True, ID), False),
        ((True, TIME, "high", ID), False),
        ((True, "null", 1, ID), False),
        ((True, TIME, 1), False),
    ],
    ids=str,
)
async def test_a_cursor_holds_nulls_and_ranks_where_its_order_has_them(
    filled: Filled, position: tuple[Any, ...], is_good: bool
) -> None:
    parts = ["-is_done, due_at, -urgency", *position]
    cursor = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
    operation = "query($after: Cursor) { memos(orderBy: TODO, after: $after) { nodes { id } } }"
    for client in filled.clients.values():
        answer = await client.run(operation, after=cursor)
        codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
        assert codes == ([] if is_good else ["BAD_REQUEST"])


async def test_a_deleted_row_of_a_join_table_joins_nothing(filled: Filled) -> None:
    client = filled.clients["breadth_first"]
    memo, stamp = (
        (await client.make("createMemo", "memo", notebookId=filled.parents["Other"], text="fig"))["id"],
        (await client.make("createStamp", "stamp", name="gone"))["id"],
    )
    text = "INSERT INTO memo_stamps (user_id, memo_id, stamp_id) VALUES ($1, $2, $3)"
    await filled.superuser.execute(text, UUID(client.user_id), UUID(memo), UUID(stamp))
    operation = """query($id: [ID!], $stamp: [ID!]) {
        memos(filter: { id: $id }) { nodes { stamps { totalCount nodes { id } } } }
        with: memos(filter: { id: $id, stampId: $stamp }) { totalCount }
        without: memos(filter: { id: $id, hasStampId: false }) { totalCount } }"""
    for joined in (1, 0):
        found = await client.data(operation, id=[memo], stamp=[stamp])
        assert found["memos"]["nodes"] == [{"stamps": {"totalCount": joined, "nodes": [{"id": stamp}] * joined}}]
        assert (found["with"]["totalCount"], found["without"]["totalCount"]) == (joined, 1 - joined)
        text = "UPDATE memo_stamps SET deleted_at = now() WHERE stamp_id = $1"
        await filled.superuser.execute(text, UUID(stamp))
