"""`Query.changes` and `Subscription.changes`, as a client uses them that keeps a copy of a user's objects."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from gateway.feed import compacted
from tests.faults.chance import dice
from tests.kit.serving import Client, Ended, first

FIELDS = "cursor op at entity id node { __typename id version ... on Memo { text } ... on Notebook { title } }"
PAGE = f"""
query($after: Cursor, $first: Int, $types: [String!]) {{
  changes(after: $after, first: $first, types: $types) {{
    nodes {{ {FIELDS} }} edges {{ cursor node {{ id }} }}
    pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }}
  }}
}}
"""
STREAM = f"""
subscription($after: Cursor, $types: [String!]) {{ changes(after: $after, types: $types) {{ {FIELDS} }} }}
"""
HEAD = "{ viewer { feedCursor } }"


async def head(client: Client) -> str:
    """The present end of the client's feed."""
    cursor: str = (await client.data(HEAD))["viewer"]["feedCursor"]
    return cursor


async def page(client: Client, **variables: Any) -> dict[str, Any]:
    """A page of changes."""
    found: dict[str, Any] = (await client.data(PAGE, **variables))["changes"]
    return found


async def pages(client: Client, after: str | None, size: int) -> list[dict[str, Any]]:
    """All changes, page by page."""
    found = []
    while True:
        one = await page(client, after=after, first=size)
        assert len(one["nodes"]) <= size
        found += one["nodes"]
        after = one["pageInfo"]["endCursor"]
        if not one["pageInfo"]["hasNextPage"]:
            return found


async def test_of_each_object_only_its_last_change(any_writer: Client) -> None:
    start = await head(any_writer)
    notebook = (await any_writer.make("createNotebook", "notebook", title="One"))["id"]
    memo = (await any_writer.make("createMemo", "memo", notebookId=notebook, text="Milk"))["id"]
    for title in ("Two", "Three"):
        await any_writer.make("updateNotebook", "notebook", id=notebook, title=title)
    found = await page(any_writer, after=start)
    of_memo, of_notebook = found["nodes"]
    assert (of_memo["op"], of_memo["entity"], of_memo["id"]) == ("CREATED", "Memo", memo)
    assert of_memo["node"]["text"] == "Milk"
    assert (of_notebook["op"], of_notebook["entity"], of_notebook["id"]) == ("UPDATED", "Notebook", notebook)
    assert of_notebook["node"]["title"] == "Three"
    assert of_notebook["cursor"] == f"1.{of_notebook['node']['version']}"
    assert found["edges"] == [{"cursor": each["cursor"], "node": {"id": each["id"]}} for each in found["nodes"]]
    assert found["pageInfo"] == {
        "startCursor": of_memo["cursor"],
        "endCursor": await head(any_writer),
        "hasNextPage": False,
        "hasPreviousPage": False,
    }


async def test_deleted_restored_and_removed_objects(any_writer: Client, noted_superuser: asyncpg.Connection) -> None:
    start = await head(any_writer)
    notebook = (await any_writer.make("createNotebook", "notebook", title="One"))["id"]
    deleted, restored, removed = [
        (await any_writer.make("createMemo", "memo", notebookId=notebook, text=text))["id"] for text in "DRX"
    ]
    await any_writer.make("deleteMemo", "memo", id=deleted)
    await any_writer.make("deleteMemo", "memo", id=restored)
    await any_writer.make("restoreMemo", "memo", id=restored)
    await noted_superuser.execute("DELETE FROM memos WHERE user_id = $1 AND id = $2", any_writer.user_id, removed)
    found = (await page(any_writer, after=start, types=["Memo"]))["nodes"]
    assert [(each["op"], each["id"], each["node"] and each["node"]["text"]) for each in found] == [
        ("DELETED", deleted, "D"),
        ("RESTORED", restored, "R"),
        ("DELETED", removed, None),
    ]
    await any_writer.make("createMemo", "memo", id=removed, notebookId=notebook, text="X again")
    (again,) = (await page(any_writer, after=found[1]["cursor"]))["nodes"]
    assert (again["op"], again["node"]["text"]) == ("CREATED", "X again")


async def test_a_cursor_that_was_pruned(any_writer: Client, noted_superuser: asyncpg.Connection) -> None:
    epoch, version = (await head(any_writer)).split(".")
    await any_writer.make("createNotebook", "notebook", title="One")
    pruned = int(version)
    delete = "DELETE FROM changes WHERE user_id = $1 AND version <= $2"
    await noted_superuser.execute(delete, any_writer.user_id, pruned)
    await noted_superuser.execute("UPDATE feeds SET pruned = $2 WHERE user_id = $1", any_writer.user_id, pruned)
    for cursor in (f"{epoch}.{pruned - 1}", None):
        (error,) = (await any_writer.run(PAGE, after=cursor))["errors"]
        assert error["extensions"]["code"] == "RESYNC"
    found = (await page(any_writer, after=f"{epoch}.{pruned}"))["nodes"]
    assert [each["entity"] for each in found] == ["Notebook"]


async def test_an_object_that_changes_between_two_pages_comes_again(any_writer: Client) -> None:
    start = await head(any_writer)
    ids = [(await any_writer.make("createNotebook", "notebook", title=title))["id"] for title in "ABC"]
    begun = await page(any_writer, after=start, first=2)
    assert [each["id"] for each in begun["nodes"]] == ids[:2]
    await any_writer.make("updateNotebook", "notebook", id=ids[0], title="A again")
    rest = await page(any_writer, after=begun["pageInfo"]["endCursor"], first=2)
    assert [(each["op"], each["id"]) for each in rest["nodes"]] == [("CREATED", ids[2]), ("UPDATED", ids[0])]
    assert not rest["pageInfo"]["hasNextPage"]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_pages_of_any_size_add_up_to_the_same(
    any_writer: Client, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacted, "MOST_LOOKED_AT", 7)
    monkeypatch.setattr(compacted, "_FIRST_LOOK", 2)
    start, choices = await head(any_writer), dice(f"pages of {size}")
    notebook = (await any_writer.make("createNotebook", "notebook", title="N"))["id"]
    memos: list[str] = []
    for _ in range(40):
        match choices.randrange(4):
            case 0 if memos:
                await any_writer.mutate(
                    "updateMemo", id=choices.choice(memos), points=choices.randrange(9)
                )  # may be deleted
            case 1 if memos:
                await any_writer.make("deleteMemo", "memo", id=choices.choice(memos))
            case 2 if memos:
                await any_writer.make("restoreMemo", "memo", id=choices.choice(memos))
            case _:
                made = await any_writer.make("createMemo", "memo", notebookId=notebook, text=f"memo {len(memos)}")
                memos.append(made["id"])
    found = await pages(any_writer, start, size)
    versions = [int(each["cursor"].partition(".")[2]) for each in found]
    assert versions == sorted(versions)
    assert sorted(each["id"] for each in found) == sorted([notebook, *memos])
    assert all(each["node"]["version"] == version for each, version in zip(found, versions, strict=True))


async def test_a_page_looks_at_a_limited_number_of_changes(any_writer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compacted, "MOST_LOOKED_AT", 3)
    start = await head(any_writer)
    notebook = (await any_writer.make("createNotebook", "notebook", title="0"))["id"]
    for title in "12345":
        await any_writer.make("updateNotebook", "notebook", id=notebook, title=title)
    empty = await page(any_writer, after=start)
    assert (empty["nodes"], empty["pageInfo"]["hasNextPage"]) == ([], True)
    full = await page(any_writer, after=empty["pageInfo"]["endCursor"])
    assert [each["node"]["title"] for each in full["nodes"]] == ["5"]


async def test_only_some_types(any_writer: Client) -> None:
    start = await head(any_writer)
    notebook = (await any_writer.make("createNotebook", "notebook", title="One"))["id"]
    await any_writer.make("createMemo", "memo", notebookId=notebook, text="Milk")
    found = await page(any_writer, after=start, types=["Notebook", "Binder"])
    assert [each["entity"] for each in found["nodes"]] == ["Notebook"]
    assert found["pageInfo"]["endCursor"] == await head(any_writer)
    async with any_writer.socket() as socket:
        events = await socket.subscribe(STREAM, after=start, types=["Memo"])
        (event,) = await first(events, 1)
        assert event["changes"]["node"]["text"] == "Milk"


@pytest.mark.parametrize(
    ("arguments", "field", "message"),
    [
        ({"first": 1001}, "first", "first: 1001 is not between 0 and 1000."),
        ({"first": -1}, "first", "first: -1 is not between 0 and 1000."),
        ({"types": []}, "types", "types: name at least one type, or omit it for all types."),
        ({"types": ["Memo", "memos"]}, "types", "types: 'memos' is not a type of objects"),
        ({"types": ["MemoConnection"]}, "types", "types: 'MemoConnection' is not a type of objects"),
        ({"after": "nonsense"}, "after", "after: this is not a feed cursor."),
    ],
)
async def test_unusable_arguments_are_refused_by_name(
    any_writer: Client, arguments: dict[str, Any], field: str, message: str
) -> None:
    (error,) = (await any_writer.run(PAGE, **arguments))["errors"]
    assert error["message"].startswith(message)
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_REQUEST", field)
    if field != "first":
        async with any_writer.socket() as socket:
            with pytest.raises(Ended) as ended:
                await first(await socket.subscribe(STREAM, **arguments), 1)
        assert ended.value.args[0][0]["message"] == error["message"]


@pytest.mark.parametrize("cursor", ["1.999999", "2.0", "0.1"])
async def test_a_cursor_that_cannot_be_resumed(any_writer: Client, cursor: str) -> None:
    (error,) = (await any_writer.run(PAGE, after=cursor))["errors"]
    assert error["extensions"]["code"] == "RESYNC"
    assert error["message"].startswith("after: the feed cannot resume from this cursor.")


async def test_first_may_be_null_or_nothing(any_writer: Client) -> None:
    everything = await page(any_writer, first=None)
    assert {each["entity"] for each in everything["nodes"]} >= {"User", "UserSettings", "Session"}
    nothing = await page(any_writer, first=0)
    assert nothing["nodes"] == []
    assert nothing["pageInfo"]["hasNextPage"]
    assert (await page(any_writer, after=nothing["pageInfo"]["endCursor"])) == everything


async def test_every_change_is_streamed_in_order(any_writer: Client) -> None:
    start = await head(any_writer)
    async with any_writer.socket() as socket:
        events = await socket.subscribe(STREAM, after=start)
        notebook = (await any_writer.make("createNotebook", "notebook", title="One"))["id"]
        memo = (await any_writer.make("createMemo", "memo", notebookId=notebook, text="Milk"))["id"]
        await any_writer.make("updateMemo", "memo", id=memo, text="Bread")
        await any_writer.make("deleteMemo", "memo", id=memo)
        await any_writer.make("restoreMemo", "memo", id=memo)
        received = [event["changes"] for event in await first(events, 5)]
    assert [(each["op"], each["entity"]) for each in received] == [
        ("CREATED", "Notebook"),
        ("CREATED", "Memo"),
        ("UPDATED", "Memo"),
        ("DELETED", "Memo"),
        ("RESTORED", "Memo"),
    ]
    async with any_writer.socket() as socket:
        events = await socket.subscribe(STREAM, after=received[2]["cursor"])
        again = [event["changes"] for event in await first(events, 2)]
    assert [each["cursor"] for each in again] == [each["cursor"] for each in received[3:]]


async def test_a_snapshot_and_the_changes_after_it(any_writer: Client) -> None:
    notebook = (await any_writer.make("createNotebook", "notebook", title="Before"))["id"]
    snapshot = await any_writer.data(
        "query($id: ID!) { notebook(id: $id) { title } viewer { feedCursor } changes { nodes { id } } }", id=notebook
    )
    assert snapshot["notebook"] == {"title": "Before"}
    assert notebook in [each["id"] for each in snapshot["changes"]["nodes"]]
    await any_writer.make("updateNotebook", "notebook", id=notebook, title="After")
    found = await page(any_writer, after=snapshot["viewer"]["feedCursor"])
    assert [each["node"]["title"] for each in found["nodes"]] == ["After"]


async def test_a_page_takes_a_statement_for_the_changes_and_two_per_type(any_writer: Client) -> None:
    start = await head(any_writer)
    for _ in range(3):
        notebook = (await any_writer.make("createNotebook", "notebook", title="N"))["id"]
        await any_writer.make("createMemo", "memo", notebookId=notebook, text="M")
    any_writer.statements.texts.clear()
    assert len((await page(any_writer, after=start))["nodes"]) == 6
    assert len(any_writer.statements.texts) == 5
