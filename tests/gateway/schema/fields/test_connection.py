"""Connections give each row once and in order, forwards and backwards, whatever the size of the pages."""

from __future__ import annotations

import datetime
from typing import Any

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.serving import Client

TEXTS = ("pear", "apple", "fig", "apple", "date", "apple", "pear")
ORDERED_BY = {"TEXT": "text", "COLOUR": "-colour", "DONE": "isDone", "TALLY": "-tally", "WEIGHT": "weight"}
"""The orders by a field, which has the same value in several rows."""
ORDERS = ("OLDEST", "NEWEST", *ORDERED_BY)
PAGE = """query($id: ID!, $first: Int, $after: Cursor, $last: Int, $before: Cursor, $order: MemoOrder) {
    notebook(id: $id) {
        memos(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
            edges { cursor node { id text colour isDone tally weight } }
            nodes { id text colour isDone tally weight }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }
}"""


async def _fill(writer: Client, notebook: str, texts: tuple[str, ...] = TEXTS) -> list[str]:
    """Memos with these texts, some of them the same; gives their ids."""
    made = []
    for n, text in enumerate(texts):
        values: dict[str, Any] = {"colour": "GREEN" if n % 3 else "YELLOW", "isDone": n % 2 == 0}
        values |= {"tally": 2**40 + n % 3, "weight": n % 4 / 3}
        made.append((await writer.make("createMemo", "memo", notebookId=notebook, text=text, **values))["id"])
    return made


async def _page(writer: Client, notebook: str, **arguments: Any) -> dict[str, Any]:
    page: dict[str, Any] = (await writer.data(PAGE, id=notebook, **arguments))["notebook"]["memos"]
    assert [edge["node"] for edge in page["edges"]] == page["nodes"]
    ends = [page["edges"][end]["cursor"] if page["edges"] else None for end in (0, -1)]
    assert [page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]] == ends
    return page


def _ids(page: dict[str, Any]) -> list[str]:
    return [node["id"] for node in page["nodes"]]


def _more(page: dict[str, Any]) -> tuple[bool, bool]:
    """Whether there is something before the page, and after it."""
    return page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]


async def _expected(writer: Client, notebook: str, order: str) -> list[str]:
    """All rows in order, worked out here."""
    rows = (await _page(writer, notebook))["nodes"]
    by = ORDERED_BY.get(order, "")
    if by:
        colours = ["YELLOW", "GREEN"]
        rows.sort(
            key=lambda row: (
                colours.index(row["colour"]) if by == "-colour" else row[by.removeprefix("-")],
                row["id"],
            )
        )
    return [row["id"] for row in (rows[::-1] if order == "NEWEST" or by.startswith("-") else rows)]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", range(1, len(TEXTS) + 2))
async def test_forward_pages_of_any_size_give_each_row_once_in_order(
    writer: Client, notebook_id: str, order: str, size: int
) -> None:
    await _fill(writer, notebook_id)
    expected = await _expected(writer, notebook_id, order)
    seen: list[str] = []
    after = None
    while True:
        page = await _page(writer, notebook_id, first=size, after=after, order=order)
        seen += _ids(page)
        assert _more(page) == (after is not None, len(seen) < len(expected))
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == expected


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", range(1, len(TEXTS) + 2))
async def test_backward_pages_of_any_size_give_each_row_once_in_order(
    writer: Client, notebook_id: str, order: str, size: int
) -> None:
    await _fill(writer, notebook_id)
    expected = await _expected(writer, notebook_id, order)
    seen: list[str] = []
    before = None
    while True:
        page = await _page(writer, notebook_id, last=size, before=before, order=order)
        seen = _ids(page) + seen
        assert _more(page) == (len(seen) < len(expected), before is not None)
        if not page["pageInfo"]["hasPreviousPage"]:
            break
        before = page["pageInfo"]["startCursor"]
    assert seen == expected


@pytest.mark.parametrize("order", ORDERS)
async def test_rows_that_stay_come_once_while_others_come_and_go(writer: Client, notebook_id: str, order: str) -> None:
    ids = await _fill(writer, notebook_id, tuple(f"{letter}" for letter in "mdxaqgtjb"))
    expected = await _expected(writer, notebook_id, order)
    gone: set[str] = set()
    seen: list[str] = []
    after = None
    for round in range(100):
        page = await _page(writer, notebook_id, first=2, after=after, order=order)
        seen += _ids(page)
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
        # The row that the cursor came from goes, one that was not seen goes, and in one round two rows come.
        unseen = [id for id in expected if id not in seen and id not in gone]
        for id in (seen[-1], *unseen[1:2]):
            await writer.make("deleteMemo", "memo", id=id)
            gone.add(id)
        if round == 0:
            await _fill(writer, notebook_id, ("a", "z"))
    stayed = [id for id in expected if id not in gone]
    assert [id for id in seen if id in stayed] == stayed
    assert len(seen) == len(set(seen))
    assert gone & set(ids)


async def test_an_empty_list_has_no_cursors_and_nothing_around_it(writer: Client, notebook_id: str) -> None:
    for arguments in ({}, {"first": 1}, {"last": 1}, {"first": 0}, {"last": 0}):
        page = await _page(writer, notebook_id, **arguments)
        assert page["edges"] == []
        assert _more(page) == (False, False)


async def test_a_page_of_nothing_tells_whether_there_is_something(writer: Client, notebook_id: str) -> None:
    await _fill(writer, notebook_id, ("one", "two"))
    page = await _page(writer, notebook_id, first=0)
    assert (_ids(page), _more(page)) == ([], (False, True))
    page = await _page(writer, notebook_id, last=0)
    assert (_ids(page), _more(page)) == ([], (True, False))


async def test_pages_at_the_ends_and_in_the_middle_know_what_is_around_them(writer: Client, notebook_id: str) -> None:
    ids = await _fill(writer, notebook_id, ("a", "b", "c", "d"))
    cursors = [edge["cursor"] for edge in (await _page(writer, notebook_id))["edges"]]
    cases: list[tuple[dict[str, Any], list[str], tuple[bool, bool]]] = [
        ({}, ids, (False, False)),
        ({"first": 4}, ids, (False, False)),
        ({"first": 3}, ids[:3], (False, True)),
        ({"first": 1, "after": cursors[0]}, ids[1:2], (True, True)),
        ({"first": 3, "after": cursors[0]}, ids[1:], (True, False)),
        ({"first": 3, "after": cursors[3]}, [], (True, False)),
        ({"first": 0, "after": cursors[0]}, [], (True, True)),
        ({"last": 4}, ids, (False, False)),
        ({"last": 3}, ids[1:], (True, False)),
        ({"last": 1, "before": cursors[3]}, ids[2:3], (True, True)),
        ({"last": 3, "before": cursors[3]}, ids[:3], (False, True)),
        ({"last": 3, "before": cursors[0]}, [], (False, True)),
    ]
    for arguments, expected, more in cases:
        page = await _page(writer, notebook_id, **arguments)
        assert (_ids(page), _more(page)) == (expected, more), arguments


async def test_the_far_side_of_a_page_is_what_is_there_and_not_what_was(any_writer: Client) -> None:
    """The row of a cursor goes, all on its other side goes, and a filter leaves it out."""
    writer = any_writer
    notebook_id = (await writer.make("createNotebook", "notebook", title="Memos"))["id"]
    ids = await _fill(writer, notebook_id, ("a", "b", "c", "d"))
    cursors = [edge["cursor"] for edge in (await _page(writer, notebook_id))["edges"]]
    after, before = {"first": 2, "after": cursors[1]}, {"last": 2, "before": cursors[2]}
    for gone, previous, following in (((), True, True), ((1, 2), True, True), ((0, 3), False, False)):
        for n in gone:
            await writer.make("deleteMemo", "memo", id=ids[n])
        assert _more(await _page(writer, notebook_id, **after)) == (previous, False), gone
        assert _more(await _page(writer, notebook_id, **before)) == (False, following), gone
    for n in range(4):
        await writer.make("restoreMemo", "memo", id=ids[n])
    operation = PAGE.replace("$order: MemoOrder", "$part: String").replace(
        "orderBy: $order", "filter: { textContains: $part }"
    )
    for part, expected in (("a", (True, False)), ("b", (True, False)), ("c", (False, False)), ("d", (False, False))):
        page = (await writer.data(operation, id=notebook_id, part=part, **after))["notebook"]["memos"]
        assert _more(page) == expected, part


async def test_the_far_sides_of_the_lists_of_many_parents_are_their_own(any_writer: Client) -> None:
    """A cursor of one list continues others as well: one has something before it, one has not, one has nothing."""
    writer = any_writer
    titles = {"full": ("a", "b", "c"), "late": ("c", "d"), "early": ("a",), "empty": ()}
    books = {name: (await writer.make("createNotebook", "notebook", title=name))["id"] for name in titles}
    for name, texts in titles.items():
        await _fill(writer, books[name], texts)
    cursors = [e["cursor"] for e in (await _page(writer, books["full"], order="TEXT"))["edges"]]
    operation = """query($ids: [ID!]!, $first: Int, $after: Cursor, $last: Int, $before: Cursor) {
        nodes(ids: $ids) { ... on Notebook {
            memos(first: $first, after: $after, last: $last, before: $before, orderBy: TEXT) {
                nodes { text } pageInfo { hasPreviousPage hasNextPage } } } } }"""
    found = await writer.data(operation, ids=[*books.values()], first=1, after=cursors[1])
    assert [([node["text"] for node in n["memos"]["nodes"]], _more(n["memos"])) for n in found["nodes"]] == [
        (["c"], (True, False)),
        (["c"], (False, True)),
        ([], (True, False)),
        ([], (False, False)),
    ]
    found = await writer.data(operation, ids=[*books.values()], last=1, before=cursors[1])
    assert [([node["text"] for node in n["memos"]["nodes"]], _more(n["memos"])) for n in found["nodes"]] == [
        (["a"], (False, True)),
        ([], (False, True)),
        (["a"], (False, False)),
        ([], (False, False)),
    ]


@pytest.mark.parametrize(
    ("arguments", "asked", "statements"),
    [
        ("first: 1", "hasPreviousPage hasNextPage startCursor endCursor", 1),
        ("last: 1", "hasPreviousPage hasNextPage startCursor endCursor", 1),
        ("first: 1, after: $cursor", "hasNextPage startCursor endCursor", 1),
        ("last: 1, before: $cursor", "hasPreviousPage startCursor endCursor", 1),
        ("first: 1, after: $cursor", "hasPreviousPage", 2),
        ("last: 1, before: $cursor", "hasNextPage", 2),
    ],
)
async def test_the_far_side_is_asked_for_only_when_it_is_selected_and_not_known(
    writer: Client, notebook_id: str, arguments: str, asked: str, statements: int
) -> None:
    await _fill(writer, notebook_id, ("a", "b", "c"))
    cursor = (await _page(writer, notebook_id))["edges"][1]["cursor"]
    variable = ", $cursor: Cursor" if "$cursor" in arguments else ""
    memos = f"memos({arguments}) {{ nodes {{ text }} pageInfo {{ {asked} }} }}"
    operation = f"query($id: ID!{variable}) {{ notebook(id: $id) {{ {memos} }} }}"
    await writer.data(operation, id=notebook_id, cursor=cursor)
    writer.statements.texts.clear()
    await writer.data(operation, id=notebook_id, cursor=cursor)
    assert len(writer.statements.texts) == statements


async def test_a_cursor_is_the_same_in_every_page_and_after_other_changes(writer: Client, notebook_id: str) -> None:
    ids = await _fill(writer, notebook_id, ("a", "b", "c"))
    whole = [edge["cursor"] for edge in (await _page(writer, notebook_id))["edges"]]
    assert len(set(whole)) == 3
    part = (await _page(writer, notebook_id, last=1, before=whole[2]))["edges"]
    assert [edge["cursor"] for edge in part] == whole[1:2]
    await writer.make("updateMemo", "memo", id=ids[1], text="changed")
    assert [edge["cursor"] for edge in (await _page(writer, notebook_id))["edges"]] == whole


async def test_cursors_are_known_without_asking_for_the_columns_of_the_order(writer: Client, notebook_id: str) -> None:
    await _fill(writer, notebook_id, ("a", "b"))
    operation = "query($id: ID!) { notebook(id: $id) { memos(orderBy: TEXT) { edges { cursor } } } }"
    bare = (await writer.data(operation, id=notebook_id))["notebook"]["memos"]["edges"]
    full = (await _page(writer, notebook_id, order="TEXT"))["edges"]
    assert bare == [{"cursor": edge["cursor"]} for edge in full]


async def test_one_operation_pages_the_lists_of_many_parents(writer: Client) -> None:
    notebooks = [(await writer.make("createNotebook", "notebook", title=str(n)))["id"] for n in range(3)]
    for length, notebook in enumerate(notebooks):
        await _fill(writer, notebook, TEXTS[:length])
    operation = (
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Notebook { memos(first: 1)"
        " { totalCount nodes { text } pageInfo { hasNextPage } } } } }"
    )
    assert (await writer.data(operation, ids=notebooks))["nodes"] == [
        {"memos": {"totalCount": 0, "nodes": [], "pageInfo": {"hasNextPage": False}}},
        {"memos": {"totalCount": 1, "nodes": [{"text": "pear"}], "pageInfo": {"hasNextPage": False}}},
        {"memos": {"totalCount": 2, "nodes": [{"text": "pear"}], "pageInfo": {"hasNextPage": True}}},
    ]


async def test_the_total_is_of_the_whole_narrowed_list_and_counted_only_when_asked(
    writer: Client, notebook_id: str
) -> None:
    await _fill(writer, notebook_id)
    narrowed = 'memos(first: 1, filter: { textContains: "apple" }) { %s nodes { text } }'
    operation = f"query($id: ID!) {{ notebook(id: $id) {{ {narrowed} }} }}"
    # That the notebook is there, its memos tell.
    for asked, statements in (("", 1), ("totalCount", 2)):
        await writer.data(operation % asked, id=notebook_id)
        writer.statements.texts.clear()
        memos = (await writer.data(operation % asked, id=notebook_id))["notebook"]["memos"]
        assert len(writer.statements.texts) == statements
        assert memos == {**({"totalCount": 3} if asked else {}), "nodes": [{"text": "apple"}]}


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"first": -1}, "first"),
        ({"first": 201}, "first"),
        ({"last": 201}, "last"),
        ({"first": 1, "last": 1}, "last"),
        ({"last": 1, "after": "x"}, "after"),
        ({"first": 1, "before": "x"}, "before"),
        ({"before": "x"}, "before"),
        ({"first": 1, "after": "x"}, "after"),
        ({"first": 1, "after": "bm9uc2Vuc2U"}, "after"),
        ({"last": 1, "before": "WyJjcmVhdGVkX2F0IiwibmV2ZXIiLCJuZXZlciJd"}, "before"),
    ],
    ids=str,
)
async def test_a_page_that_cannot_be_is_refused_by_name(
    writer: Client, notebook_id: str, arguments: dict[str, Any], argument: str
) -> None:
    answer = await writer.run(PAGE, id=notebook_id, **arguments)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert error["extensions"]["argument"] == argument


BOUND = """query($id: ID!, $first: Int, $after: Cursor, $last: Int, $before: Cursor) { node(id: $id) { ... on Binder {
    memos(first: $first, after: $after, last: $last, before: $before) {
        totalCount edges { cursor } nodes { text createdAt }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    } } } }"""


async def _bind(database: Database, writer: Client, binder: str, memos: list[str]) -> None:
    """Put memos into a binder, one after the other; two at the same moment."""
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    await owner.execute("SELECT set_config('app.user_id', $1, false)", writer.user_id)
    for n, memo in enumerate(memos):
        at = datetime.datetime(2026, 1, 1 + n // 2, tzinfo=datetime.UTC)
        await owner.execute(
            "INSERT INTO binder_memos (user_id, binder_id, memo_id, created_at) VALUES ($1, $2, $3, $4)",
            *(writer.user_id, binder, memo, at),
        )
    await owner.close()


@pytest.mark.parametrize("size", [1, 2, 3, 10])
async def test_a_list_through_another_table_is_paged_in_the_order_of_that_table(
    noted_database: Database, any_writer: Client, size: int
) -> None:
    writer = any_writer
    notebook_id = (await writer.make("createNotebook", "notebook", title="Memos"))["id"]
    ids = await _fill(writer, notebook_id, tuple("abcdef"))
    binder = (await writer.make("createBinder", "binder"))["id"]
    # Not in the order in which they were made.
    await _bind(noted_database, writer, binder, [ids[n] for n in (3, 5, 0, 4, 1, 2)])
    expected = ["c", "b", "e", "a", "f", "d"]
    forwards: list[str] = []
    bound: dict[str, Any] = {}
    while True:
        found = (await writer.data(BOUND, id=binder, first=size, **bound))["node"]["memos"]
        assert found["totalCount"] == len(expected)
        assert found["pageInfo"]["hasPreviousPage"] is bool(forwards)
        forwards += [node["text"] for node in found["nodes"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        assert len(forwards) < len(expected), "the pages repeat"
        bound = {"after": found["pageInfo"]["endCursor"]}
    assert forwards == expected
    backwards: list[str] = []
    bound = {}
    while True:
        found = (await writer.data(BOUND, id=binder, last=size, **bound))["node"]["memos"]
        assert found["pageInfo"]["hasNextPage"] is bool(backwards)
        backwards = [node["text"] for node in found["nodes"]] + backwards
        if not found["pageInfo"]["hasPreviousPage"]:
            break
        assert len(backwards) < len(expected), "the pages repeat"
        bound = {"before": found["pageInfo"]["startCursor"]}
    assert backwards == expected


async def test_a_cursor_of_another_order_is_refused(writer: Client, notebook_id: str) -> None:
    await _fill(writer, notebook_id, ("a", "b"))
    for order in ORDERS:
        cursor = (await _page(writer, notebook_id, first=1, order=order))["pageInfo"]["endCursor"]
        for other in set(ORDERS) - {order}:
            (error,) = (await writer.run(PAGE, id=notebook_id, first=1, after=cursor, order=other))["errors"]
            assert error["extensions"]["code"] == "BAD_REQUEST"
