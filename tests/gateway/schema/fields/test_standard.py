"""A migration, a module and a test: what a plain new type takes, and all that it gets."""

from __future__ import annotations

import contextlib
import re
import uuid
from typing import Any

import pytest

from tests.kit.rows import NO_ROW
from tests.kit.serving import Client, Serving, first

MEMO = "id text colour points version deletedAt notebook { title }"


async def _memo(writer: Client, notebook: str, text: str = "Buy milk", **values: Any) -> dict[str, Any]:
    return await writer.make("createMemo", "memo", MEMO, notebookId=notebook, text=text, **values)


async def _read(writer: Client, id: str) -> Any:
    return (await writer.data(f"query($id: ID!) {{ memo(id: $id) {{ {MEMO} }} }}", id=id))["memo"]


async def test_what_is_made_is_found_by_its_id_and_in_its_list(writer: Client, notebook_id: str) -> None:
    made = await _memo(writer, notebook_id, colour="GREEN", points=3)
    assert {key: made[key] for key in ("text", "colour", "points", "notebook")} == {
        "text": "Buy milk",
        "colour": "GREEN",
        "points": 3,
        "notebook": {"title": "Memos"},
    }
    assert await _read(writer, made["id"]) == made
    node = f"query($id: ID!) {{ node(id: $id) {{ __typename ... on Memo {{ {MEMO} }} }} }}"
    assert (await writer.data(node, id=made["id"]))["node"] == {"__typename": "Memo", **made}
    listed = "query($id: ID!) { notebook(id: $id) { memos { totalCount nodes { text } } } }"
    assert (await writer.data(listed, id=notebook_id))["notebook"] == {
        "memos": {"totalCount": 1, "nodes": [{"text": "Buy milk"}]}
    }


async def test_what_is_left_out_has_the_tables_default(writer: Client, notebook_id: str) -> None:
    made = await _memo(writer, notebook_id)
    assert (made["colour"], made["points"]) == ("YELLOW", None)


async def test_made_again_with_the_same_id_it_is_the_same(writer: Client, notebook_id: str) -> None:
    id = str(uuid.uuid4())
    made = await _memo(writer, notebook_id, id=id)
    assert await _memo(writer, notebook_id, id=id) == made
    payload = await writer.mutate("createMemo", "memo { text }", notebookId=notebook_id, text="Other", id=id)
    assert payload["memo"] == {"text": "Buy milk"}
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["id"])]


async def test_a_column_that_is_no_id_is_none_whatever_its_name_ends_with(writer: Client, notebook_id: str) -> None:
    ids = "id tmdbId deviceId"
    made = await writer.make(
        "createMemo", "memo", ids, notebookId=notebook_id, text="x", tmdbId=27205, deviceId="kitchen"
    )
    assert (made["tmdbId"], made["deviceId"]) == (27205, "kitchen")
    bare = await writer.make("createMemo", "memo", ids, notebookId=notebook_id, text="y")
    changed = await writer.make("updateMemo", "memo", ids, id=made["id"], deviceId="hall")
    assert changed == {**made, "deviceId": "hall"}
    operation = "query($id: ID!, $f: MemoFilter) { notebook(id: $id) { memos(filter: $f) { nodes { id } } } }"
    for filter, found in (
        ({"tmdbId": [27205]}, [made]),
        ({"tmdbId": [27205, None]}, [made, bare]),
        ({"deviceId": "hall"}, [made]),
        ({"deviceId": None}, [bare]),
    ):
        listed = (await writer.data(operation, id=notebook_id, f=filter))["notebook"]["memos"]["nodes"]
        assert [node["id"] for node in listed] == [memo["id"] for memo in found], filter


async def test_an_update_changes_what_is_given(writer: Client, notebook_id: str) -> None:
    made = await _memo(writer, notebook_id, points=3)
    changed = await writer.make("updateMemo", "memo", MEMO, id=made["id"], text="Buy bread")
    assert changed == {**made, "text": "Buy bread", "version": changed["version"]}
    assert changed["version"] > made["version"]
    cleared = await writer.make("updateMemo", "memo", MEMO, id=made["id"], points=None)
    assert cleared["points"] is None


async def test_a_null_resets_what_is_never_null_and_is_refused_without_a_default(
    any_writer: Client,
) -> None:
    notebook = (await any_writer.make("createNotebook", "notebook", title="Memos"))["id"]
    made = await _memo(any_writer, notebook, colour="GREEN", points=3)
    reset = await any_writer.make("updateMemo", "memo", MEMO, id=made["id"], colour=None, text="New", points=None)
    assert (reset["colour"], reset["text"], reset["points"]) == ("YELLOW", "New", None)
    for field in ("text", "notebookId"):
        payload = await any_writer.mutate("updateMemo", "memo { id }", id=made["id"], points=4, **{field: None})
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("INVALID", [field])]
    assert await _read(any_writer, made["id"]) == reset


async def test_all_mistakes_are_named_beside_a_null_that_resets(writer: Client, notebook_id: str) -> None:
    made = await _memo(writer, notebook_id)
    payload = await writer.mutate("updateMemo", "memo { id }", id=made["id"], text="", colour=None, notebookId="7")
    assert [error["field"] for error in payload["userErrors"]] == [["notebookId"], ["text"]]


async def test_an_update_of_an_older_version_is_refused(writer: Client, notebook_id: str) -> None:
    made = await _memo(writer, notebook_id)
    await writer.make("updateMemo", "memo", id=made["id"], text="Mine")
    payload = await writer.mutate(
        "updateMemo", "memo { text }", id=made["id"], text="Yours", expectedVersion=made["version"]
    )
    assert payload["memo"] == {"text": "Mine"}
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["expectedVersion"])]


async def test_what_is_deleted_leaves_the_lists_and_can_be_restored(writer: Client, notebook_id: str) -> None:
    made = await _memo(writer, notebook_id)
    listed = "query($id: ID!) { notebook(id: $id) { memos { totalCount nodes { id } } } }"
    deleted = await writer.make("deleteMemo", "memo", MEMO, id=made["id"])
    assert deleted["deletedAt"] is not None
    assert (await writer.data(listed, id=notebook_id))["notebook"]["memos"] == {"totalCount": 0, "nodes": []}
    assert await _read(writer, made["id"]) == deleted
    assert await writer.make("deleteMemo", "memo", MEMO, id=made["id"]) == deleted
    restored = await writer.make("restoreMemo", "memo", MEMO, id=made["id"])
    assert restored == {**made, "version": restored["version"]}
    assert (await writer.data(listed, id=notebook_id))["notebook"]["memos"]["totalCount"] == 1


async def test_what_has_no_deleted_at_gets_no_deletion(writer: Client) -> None:
    fields = (await writer.data("{ __schema { mutationType { fields { name } } } }"))["__schema"]["mutationType"]
    names = {field["name"] for field in fields["fields"] if re.search("Memo|Notebook", field["name"])}
    assert names == {"createNotebook", "updateNotebook", "createMemo", "updateMemo", "deleteMemo", "restoreMemo"}


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"text": ""}, "INVALID", "text"),
        ({"text": "x" * 101}, "INVALID", "text"),
        ({"notebookId": NO_ROW}, "NOT_FOUND", "notebookId"),
        ({"notebookId": "7"}, "INVALID", "notebookId"),
        ({"id": "7"}, "INVALID", "id"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_the_tables_rules_are_the_forms_errors(
    writer: Client, notebook_id: str, values: dict[str, Any], code: str, field: str
) -> None:
    payload = await writer.mutate("createMemo", "memo { id }", **{"notebookId": notebook_id, "text": "x", **values})
    assert payload["memo"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, [field])]
    assert all("constraint" not in error["message"] for error in payload["userErrors"])


async def test_each_change_reaches_a_subscriber_once_in_order_also_after_a_break(
    writer: Client, notebook_id: str
) -> None:
    subscription = (
        "subscription($after: Cursor) { memoChanged(after: $after) { cursor op at memo { text deletedAt } } }"
    )
    start = (await writer.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    async with writer.socket() as socket:
        events = await socket.subscribe(subscription, after=start)
        id = (await _memo(writer, notebook_id))["id"]
        await writer.make("updateMemo", "memo", id=id, text="Buy bread")
        got = [event["memoChanged"] for event in await first(events, 2)]
    await writer.make("deleteMemo", "memo", id=id)
    await writer.make("restoreMemo", "memo", id=id)
    async with writer.socket() as socket:
        events = await socket.subscribe(subscription, after=got[-1]["cursor"])
        got += [event["memoChanged"] for event in await first(events, 2)]
    assert [event["op"] for event in got] == ["CREATED", "UPDATED", "DELETED", "RESTORED"]
    assert [event["at"] for event in got] == sorted({event["at"] for event in got})
    assert got[-1]["memo"] == {"text": "Buy bread", "deletedAt": None}


async def test_changes_can_be_narrowed_to_what_they_belong_to(writer: Client, notebook_id: str) -> None:
    other = (await writer.make("createNotebook", "notebook", title="Other"))["id"]
    async with writer.socket() as socket:
        events = await socket.subscribe(
            'subscription($id: ID) { memoChanged(notebookId: $id, after: "1.0") { op memo { text } } }', id=other
        )
        await _memo(writer, notebook_id, "not this one")
        await _memo(writer, other, "this one")
        got = [event["memoChanged"] for event in await first(events, 1)]
    assert got == [{"op": "CREATED", "memo": {"text": "this one"}}]


MOVED = "subscription($id: ID, $after: Cursor) { memoChanged(notebookId: $id, after: $after) { cursor memo { text } } }"


@pytest.mark.parametrize("live", [True, False], ids=["live", "from a cursor"])
async def test_a_memo_that_moves_is_told_to_those_it_leaves_and_to_those_it_comes_to(
    writer: Client, notebook_id: str, live: bool
) -> None:
    second, third = [(await writer.make("createNotebook", "notebook", title=title))["id"] for title in "23"]
    moving, staying = [(await _memo(writer, notebook_id, text))["id"] for text in ("moves", "stays")]
    start = (await writer.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    expected = {
        notebook_id: ["moves", "stays", "end"],
        second: ["moves", "moves", "moves", "end"],
        third: ["moves", "moves", "end"],
    }

    async def write() -> None:
        await writer.make("updateMemo", "memo", id=moving, notebookId=second)
        await writer.make("updateMemo", "memo", id=moving, points=1)
        await writer.make("updateMemo", "memo", id=staying, points=1)
        await writer.make("updateMemo", "memo", id=moving, notebookId=third, points=2)
        await writer.make("deleteMemo", "memo", id=moving)
        for notebook in expected:
            await _memo(writer, notebook, "end")

    async with contextlib.AsyncExitStack() as stack:
        if not live:
            await write()
        # Two of each, which are a group.
        streams = [
            (id, await (await stack.enter_async_context(writer.socket())).subscribe(MOVED, id=id, after=start))
            for id in (*expected, *expected)
        ]
        if live:
            await write()
        for id, events in streams:
            got = [event["memoChanged"] for event in await first(events, len(expected[id]))]
            assert [event["memo"]["text"] for event in got] == expected[id]
            assert [event["cursor"] for event in got] == sorted({event["cursor"] for event in got}, key=_version)


def _version(cursor: str) -> int:
    return int(cursor.partition(".")[2])


async def test_a_stranger_finds_and_changes_nothing(noted: Serving, writer: Client, notebook_id: str) -> None:
    stranger = await noted.signed_up()
    made = await _memo(writer, notebook_id)
    assert await _read(stranger, made["id"]) is None
    for mutation, values in (("updateMemo", {"text": "Mine"}), ("deleteMemo", {}), ("restoreMemo", {})):
        payload = await stranger.mutate(mutation, "memo { id }", id=made["id"], **values)
        assert payload["memo"] is None
        assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("NOT_FOUND", ["id"])]
    payload = await stranger.mutate("createMemo", "memo { id }", notebookId=notebook_id, text="In your notebook")
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("NOT_FOUND", ["notebookId"])]
    assert await _read(writer, made["id"]) == made


async def test_resolvers_are_given_members_of_enumerations(writer: Client, notebook_id: str) -> None:
    listed = await writer.data(
        "query($c: [MemoColour!]!) { literal: nameOf(colours: [GREEN]) variable: nameOf(colours: $c) }", c=["YELLOW"]
    )
    assert listed == {"literal": ["MemoColour GREEN"], "variable": ["MemoColour YELLOW"]}
    assert await writer.mutate("paint", colour="GREEN") == {"userErrors": []}
    made = await writer.make("createMemo", "memo", "described colour", notebookId=notebook_id, text="x", colour="GREEN")
    assert made == {"described": "MemoColour GREEN", "colour": "GREEN"}
