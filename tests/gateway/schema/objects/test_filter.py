"""Filters: an input's attributes, as conditions on columns, each kind of them."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest

from gateway.data.clauses.condition import Condition
from gateway.data.entity import entity_of
from gateway.schema.objects.filter import conditions
from tests.gateway.schema.plain_table.memo import Memo, MemoColour, MemoFilter
from tests.kit.serving import Client

MEMO = entity_of(Memo)
LISTED = """query($id: ID!, $filter: MemoFilter) { notebook(id: $id) {
    memos(filter: $filter) { totalCount nodes { text } } } }"""
TIME = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
TRICKY = ("50% off", "50 off", "a_b", "axb", r"c\d", "cd", "Straße", "it's", "ΟΔΟΣ", "café", "e\u0301te\u0301")


@pytest.mark.parametrize(
    ("given", "condition", "value"),
    [
        ({"text": "a"}, Condition("text", "= {}"), "a"),
        ({"text_contains": "5%_\\"}, Condition("text", "~ {}"), r"5%_\\"),
        ({"points_from": 1}, Condition("points", ">= {}"), 1),
        ({"points_before": 1}, Condition("points", "< {}"), 1),
        ({"points_after": 1}, Condition("points", "> {}"), 1),
        ({"created_from": TIME}, Condition("created_at", ">= {}"), TIME),
        ({"has_points": False}, Condition("points", "IS NOT NULL = {}"), False),
        ({"colour": [MemoColour.GREEN]}, Condition("colour", "= {}"), "green"),
        ({"colour": []}, Condition("colour", "= ANY({})"), ()),
        (
            {"colour": [MemoColour.GREEN, MemoColour.YELLOW]},
            Condition("colour", "= ANY({})"),
            ("green", "yellow"),
        ),
        ({"notebook_id": str(uuid.UUID(int=7))}, Condition("notebook_id", "= {}"), uuid.UUID(int=7)),
        ({"id": [str(uuid.UUID(int=7))]}, Condition("id", "= {}"), uuid.UUID(int=7)),
    ],
    ids=str,
)
def test_an_attribute_is_a_condition_on_the_column_of_its_name(
    given: dict[str, Any], condition: Condition, value: Any
) -> None:
    assert conditions(MEMO, MemoFilter(**given)) == ((condition,), (value,))


@pytest.mark.parametrize(
    ("given", "condition", "values"),
    [
        ({"points": [None]}, Condition("points", "IS NULL"), ()),
        ({"points": [None, None]}, Condition("points", "IS NULL"), ()),
        ({"points": [None, 1]}, Condition("points", "= {}", or_null=True), (1,)),
        ({"points": [1, None, 2]}, Condition("points", "= ANY({})", or_null=True), ((1, 2),)),
        ({"label": None}, Condition("label", "IS NULL"), ()),
        ({"label": "a"}, Condition("label", "= {}"), ("a",)),
    ],
    ids=str,
)
def test_null_is_a_value_of_a_column_that_may_be_null(
    given: dict[str, Any], condition: Condition, values: tuple[Any, ...]
) -> None:
    assert conditions(MEMO, MemoFilter(**given)) == ((condition,), values)


def test_what_is_left_out_or_null_asks_nothing() -> None:
    assert conditions(MEMO, None) == ((), ())
    assert conditions(MEMO, MemoFilter()) == ((), ())
    assert conditions(MEMO, MemoFilter(text=None, points_from=0)) == ((Condition("points", ">= {}"),), (0,))


async def _texts(writer: Client, notebook: str, **filter: Any) -> list[str]:
    found = (await writer.data(LISTED, id=notebook, filter=filter))["notebook"]["memos"]
    assert found["totalCount"] == len(found["nodes"]), "the count is of what the filter lets through"
    return [node["text"] for node in found["nodes"]]


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("%", ["50% off"]),
        ("0% o", ["50% off"]),
        ("_", ["a_b"]),
        ("\\", [r"c\d"]),
        ("STRASSE", ["Straße"]),
        ("STRAS", ["Straße"]),
        ("STRAßE", ["Straße"]),
        ("'", ["it's"]),
        ("off", ["50% off", "50 off"]),
        ("nothing", []),
        ("", list(TRICKY)),
        ("οδος", ["ΟΔΟΣ"]),
        ("CAFE\u0301", ["café"]),
        ("ÉTÉ", ["e\u0301te\u0301"]),
        ("ete", []),
    ],
)
async def test_text_is_contained_letter_for_letter_in_any_case(
    writer: Client, notebook_id: str, part: str, found: list[str]
) -> None:
    for text in TRICKY:
        await writer.make("createMemo", "memo", notebookId=notebook_id, text=text)
    assert await _texts(writer, notebook_id, textContains=part) == found


async def test_each_kind_of_filter_narrows_the_list(writer: Client, notebook_id: str) -> None:
    rows: list[dict[str, Any]] = [
        {"points": 1},
        {"points": 2, "colour": "GREEN"},
        {"points": 3, "label": "a"},
        {"colour": "GREEN"},
    ]
    ids = [
        (await writer.make("createMemo", "memo", notebookId=notebook_id, text=str(n), **values))["id"]
        for n, values in enumerate(rows)
    ]
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["0", "1", "2", "3"]),
        ({"text": "2"}, ["2"]),
        ({"colour": ["GREEN"]}, ["1", "3"]),
        ({"colour": ["GREEN", "YELLOW"]}, ["0", "1", "2", "3"]),
        ({"colour": []}, []),
        ({"pointsFrom": 2}, ["1", "2"]),
        ({"pointsAfter": 2}, ["2"]),
        ({"pointsBefore": 2}, ["0"]),
        ({"pointsFrom": 2, "pointsBefore": 3}, ["1"]),
        ({"hasPoints": True}, ["0", "1", "2"]),
        ({"hasPoints": False}, ["3"]),
        ({"id": ids[1:3]}, ["1", "2"]),
        ({"id": ids[1:2]}, ["1"]),
        ({"notebookId": notebook_id}, ["0", "1", "2", "3"]),
        ({"notebookId": str(uuid.uuid4())}, []),
        ({"points": [None]}, ["3"]),
        ({"points": [None, 1]}, ["0", "3"]),
        ({"points": [None, 1, 2]}, ["0", "1", "3"]),
        ({"points": [1, 2]}, ["0", "1"]),
        ({"points": [None], "colour": ["GREEN"]}, ["3"]),
        ({"points": [None], "colour": ["YELLOW"]}, []),
        ({"points": [None, 2], "colour": ["GREEN", "YELLOW"], "textContains": "1"}, ["1"]),
        ({"label": "a"}, ["2"]),
        ({"label": None}, ["0", "1", "3"]),
        ({"label": None, "points": [None]}, ["3"]),
        ({"colour": None, "notebookId": None, "pointsFrom": None}, ["0", "1", "2", "3"]),
        ({"colour": ["GREEN"], "hasPoints": True, "textContains": "1"}, ["1"]),
    ]
    for filter, found in cases:
        assert await _texts(writer, notebook_id, **filter) == found, filter


async def test_null_is_refused_by_name_where_a_column_always_has_a_value(writer: Client, notebook_id: str) -> None:
    answer = await writer.run(LISTED, id=notebook_id, filter={"colour": [None]})
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert "'$filter' has invalid value at .colour[0]" in error["message"]


async def test_a_filter_for_null_holds_on_every_page_and_is_counted(writer: Client, notebook_id: str) -> None:
    for n in range(6):
        points: dict[str, Any] = {} if n % 2 else {"points": n}
        await writer.make("createMemo", "memo", notebookId=notebook_id, text=str(n), **points)
    operation = """query($id: ID!, $last: Int, $before: Cursor) { notebook(id: $id) {
        memos(last: $last, before: $before, filter: { points: [null, 2], colour: [YELLOW] }) {
            totalCount nodes { text } pageInfo { hasPreviousPage hasNextPage startCursor } } } }"""
    first = (await writer.data(operation, id=notebook_id, last=2))["notebook"]["memos"]
    assert [node["text"] for node in first["nodes"]] == ["3", "5"]
    cursor = first["pageInfo"]["startCursor"]
    second = (await writer.data(operation, id=notebook_id, last=2, before=cursor))["notebook"]["memos"]
    assert [node["text"] for node in second["nodes"]] == ["1", "2"]
    assert (second["totalCount"], second["pageInfo"]["hasPreviousPage"], second["pageInfo"]["hasNextPage"]) == (
        4,
        False,
        True,
    )


async def test_a_filter_holds_on_every_page(writer: Client, notebook_id: str) -> None:
    for n in range(6):
        colour = "GREEN" if n % 2 else "YELLOW"
        await writer.make("createMemo", "memo", notebookId=notebook_id, text=str(n), colour=colour)
    operation = """query($id: ID!, $after: Cursor) { notebook(id: $id) {
        memos(first: 2, after: $after, filter: { colour: [GREEN] }, orderBy: NEWEST) {
            nodes { text } pageInfo { hasNextPage endCursor } } } }"""
    seen: list[str] = []
    page_info: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
    while page_info["hasNextPage"]:
        found = (await writer.data(operation, id=notebook_id, after=page_info["endCursor"]))["notebook"]["memos"]
        seen += [node["text"] for node in found["nodes"]]
        page_info = found["pageInfo"]
    assert seen == ["5", "3", "1"]


@pytest.mark.parametrize("filter", [{"id": ["7"]}, {"id": ["7", "8"]}, {"notebookId": "7"}], ids=str)
async def test_an_id_that_is_none_is_refused_by_name(writer: Client, notebook_id: str, filter: dict[str, Any]) -> None:
    (error,) = (await writer.run(LISTED, id=notebook_id, filter=filter))["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert error["message"].startswith(f"filter.{next(iter(filter))}: ")
