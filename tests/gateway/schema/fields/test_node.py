"""`node`, `nodes`, and links to objects of any type, with both executors."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import pytest

from tests.gateway.schema.fields.things import Things, things_of
from tests.kit.serving import Client, first

NODE = "query($id: ID!) { node(id: $id) { __typename id ... on Memo { text notebook { title } } } }"


@pytest.fixture
async def things(any_writer: Client) -> Things:
    return await things_of(any_writer)


async def test_a_type_that_the_selection_names_is_read_at_once(any_writer: Client, things: Things) -> None:
    await any_writer.check(
        "query($id: ID!) { node(id: $id) { __typename id ... on Memo { text } } }",
        expect={"node": {"__typename": "Memo", "id": things.memo, "text": "Milk"}},
        statements=1,
        id=things.memo,
    )


async def test_a_fragment_names_a_type_as_well(any_writer: Client, things: Things) -> None:
    await any_writer.check(
        """
        query($id: ID!) { node(id: $id) { id ...Named } }
        fragment Named on Node { ...Said }
        fragment Said on Memo { text notebook { title } }
        """,
        expect={"node": {"id": things.memo, "text": "Milk", "notebook": {"title": "Shopping"}}},
        statements=2,
        id=things.memo,
    )


async def test_an_object_of_another_type_than_the_named_one_is_found(any_writer: Client, things: Things) -> None:
    await any_writer.check(
        NODE, expect={"node": {"__typename": "Notebook", "id": things.notebook}}, statements=3, id=things.notebook
    )
    await any_writer.check(
        "query($id: ID!) { node(id: $id) { ... on Memo { text } } }", expect={"node": {}}, id=things.notebook
    )


async def test_an_object_of_no_type_is_null(any_writer: Client) -> None:
    await any_writer.check(NODE, expect={"node": None}, statements=2, id=str(uuid.uuid4()))


async def test_without_a_named_type_all_are_searched(any_writer: Client, things: Things) -> None:
    expect = {"node": {"__typename": "Memo", "version": things.version}}
    await any_writer.check(
        "query($id: ID!) { node(id: $id) { __typename version } }", expect=expect, statements=2, id=things.memo
    )


@pytest.mark.parametrize(
    ("named", "statements"),
    [("", None), ("... on Binder { id } ... on Pin { thing { id } }", 2)],
    ids=["few are read in turn", "many are searched by one statement"],
)
async def test_of_several_named_types_each_is_found(
    any_writer: Client, things: Things, named: str, statements: int | None
) -> None:
    operation = f"query($id: ID!) {{ node(id: $id) {{ ... on Notebook {{ title }} ... on Memo {{ text }} {named} }} }}"
    memo, notebook = {"node": {"text": "Milk"}}, {"node": {"title": "Shopping"}}
    await any_writer.check(operation, expect=memo, statements=statements, id=things.memo)
    await any_writer.check(operation, expect=notebook, statements=statements, id=things.notebook)


async def test_an_id_that_two_types_have_leads_to_the_named_one(any_writer: Client, things: Things) -> None:
    await any_writer.make("createBinder", "binder", id=things.memo)
    for name in ("Memo", "Binder"):
        await any_writer.check(
            f"query($id: ID!) {{ node(id: $id) {{ __typename ... on {name} {{ id }} }} }}",
            expect={"node": {"__typename": name, "id": things.memo}},
            id=things.memo,
        )


async def test_an_object_with_several_links_is_read_once(any_writer: Client, things: Things) -> None:
    await any_writer.check(
        """
        query($id: ID!) { node(id: $id) { ... on Notebook { memos { nodes { text } } pins { nodes { id } } } } }
        """,
        expect={"node": {"memos": {"nodes": [{"text": "Milk"}]}, "pins": {"nodes": []}}},
        statements=3,
        id=things.notebook,
    )


async def test_several_ids_keep_their_order(any_writer: Client, things: Things) -> None:
    ids = [things.notebook, things.memo, str(uuid.uuid4()), things.notebook]
    await any_writer.check(
        "query($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on Memo { text } ... on Notebook { title } } }",
        expect={
            "nodes": [
                {"__typename": "Notebook", "title": "Shopping"},
                {"__typename": "Memo", "text": "Milk"},
                None,
                {"__typename": "Notebook", "title": "Shopping"},
            ]
        },
        ids=ids,
    )


@pytest.mark.parametrize("field", ["node(id: $id)", "nodes(ids: [$id])"])
async def test_a_malformed_id_is_an_error_of_the_field(any_writer: Client, field: str) -> None:
    answer = await any_writer.run(f"query($id: ID!) {{ {field} {{ id }} viewer {{ id }} }}", id="17")
    assert answer["errors"][0]["message"].endswith("'17' is not a UUID.")
    assert answer["errors"][0]["path"] == [field.partition("(")[0]]


async def test_links_of_a_level_take_one_statement_per_type(any_writer: Client, things: Things) -> None:
    memos = [things.memo, *[await things.another_memo(text) for text in ("Bread", "Salt")]]
    for memo in memos:
        await things.pin("memos", memo)
    await things.pin("notebooks", things.notebook)
    await things.pin("nothings", things.memo)
    await things.pin("memos", str(uuid.uuid4()))
    await things.pin(None, things.memo)
    await things.pin("memos", None)
    pinned: list[Any] = [
        {"__typename": "Memo", "text": "Milk"},
        {"__typename": "Memo", "text": "Bread"},
        {"__typename": "Memo", "text": "Salt"},
        {"__typename": "Notebook", "title": "Shopping", "version": things.notebook_version},
        *[None] * 4,
    ]
    await any_writer.check(
        """
        query($id: ID!) { notebook(id: $id) { title pins { nodes { thing {
            __typename ... on Memo { text } ... on Notebook { title version }
        } } } } }
        """,
        expect={"notebook": {"title": "Shopping", "pins": {"nodes": [{"thing": each} for each in pinned]}}},
        statements=4,
        id=things.notebook,
    )


async def test_only_selected_columns_are_read(any_writer: Client, things: Things) -> None:
    await things.pin("memos", things.memo)
    await any_writer.data(
        "query($id: ID!) { notebook(id: $id) { pins { nodes { thing { ... on Memo { text } } } } } }",
        id=things.notebook,
    )
    assert any_writer.statements.texts[-1].startswith("SELECT t.id, t.text\nFROM memos")


async def test_a_value_leads_to_objects(any_writer: Client, things: Things) -> None:
    await any_writer.check(
        "query($t: [String]!, $i: [ID!]!) { pinned(tables: $t, ids: $i) { thing { id ... on Memo { text } } } }",
        expect={"pinned": [{"thing": {"id": things.memo, "text": "Milk"}}, {"thing": None}]},
        statements=1,
        t=["memos", None],
        i=[things.memo, things.memo],
    )


async def test_an_event_leads_to_objects(any_writer: Client, things: Things) -> None:
    async with any_writer.socket() as socket:
        pin = await things.pin("memos", things.memo)
        events = await socket.subscribe(
            'subscription { pinAdded(after: "1.0") { thing { ... on Memo { text } } pin { __typename id } } }'
        )
        assert await first(events, 1) == [
            {"pinAdded": {"thing": {"text": "Milk"}, "pin": {"__typename": "Pin", "id": pin}}}
        ]


async def test_a_type_that_cannot_be_read_fails_by_itself(
    any_writer: Client, things: Things, noted_superuser: asyncpg.Connection
) -> None:
    await things.pin("memos", things.memo)
    await things.pin("notebooks", things.notebook)
    operation = "query($id: ID!) { notebook(id: $id) { pins { nodes { thing { version } } } } }"
    await noted_superuser.execute("REVOKE SELECT ON memos FROM parley_runtime")
    try:
        answer = await any_writer.run(operation, id=things.notebook)
        found = await any_writer.run("query($id: ID!) { node(id: $id) { ... on Memo { text } } }", id=things.memo)
    finally:
        await noted_superuser.execute("GRANT SELECT ON memos TO parley_runtime")
    pinned = [{"thing": None}, {"thing": {"version": things.notebook_version}}]
    assert answer["data"] == {"notebook": {"pins": {"nodes": pinned}}}
    assert [error["path"] for error in answer["errors"]] == [["notebook", "pins", "nodes", 0, "thing"]]
    assert (found["data"], [error["path"] for error in found["errors"]]) == ({"node": None}, [["node"]])


async def test_an_object_of_another_user_is_null(any_writer: Client, things: Things, writer: Client) -> None:
    theirs = await things_of(writer)
    await things.pin("memos", theirs.memo)
    await any_writer.check(
        "query($id: ID!) { notebook(id: $id) { pins { nodes { thing { id } } } } }",
        expect={"notebook": {"pins": {"nodes": [{"thing": None}]}}},
        id=things.notebook,
    )
