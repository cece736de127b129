"""`OR` and `NOT` are in every filter, bounded, and refused by path."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from gateway.data import statements
from gateway.data.clauses.condition import AnyOf, Combined, Condition, NotAll, Related
from gateway.data.entity import entity_of
from gateway.errors import Invalid
from gateway.schema.objects.combined import MOST_CONDITIONS, MOST_NESTED
from gateway.schema.objects.filter import conditions
from tests.gateway.schema.plain_table.memo import Memo
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client

MEMO = entity_of(Memo)
assert MEMO.filter is not None
Filter: Any = MEMO.filter
LISTED = "query($filter: MemoFilter) { memos(filter: $filter) { totalCount nodes { text } } }"


def nested(depth: int, inside: dict[str, Any]) -> dict[str, Any]:
    """A filter within others, as a client sends it."""
    for n in range(depth):
        inside = {"NOT": inside} if n % 2 else {"OR": [{}, inside]}
    return inside


def test_conditions_are_nested_as_their_filters_are() -> None:
    given = Filter(text="a", OR=[Filter(points_from=1), Filter(NOT=Filter(points=[1, None], has_stamp_id=True))])
    tests, values = conditions(MEMO, given)
    stamped = Related("memo_stamps", "memo_id", "stamp_id", deletable=True)
    either = Condition("points", "= {}", or_null=True)
    assert tests == (
        Condition("text", "= {}"),
        AnyOf(((Condition("points", ">= {}"),), (NotAll((either, stamped)),))),
    )
    assert values == ("a", 1, 1)
    assert isinstance(tests, Combined)


def test_parameters_are_numbered_in_the_order_of_their_values() -> None:
    tests, values = conditions(MEMO, Filter(text="a", NOT=Filter(OR=[Filter(points=[3]), Filter(text="b")])))
    text = statements.count.__wrapped__(statements.Source("memos", "notebook_id"), tests, one=True)
    assert "t.text = $3 AND (((t.points = $4) OR (t.text = $5))) IS NOT TRUE" in text
    assert values == ("a", 3, "b")


def test_what_a_row_is_joined_to_is_looked_up_for_the_caller_alone() -> None:
    tests, values = conditions(MEMO, Filter(stamp_id=[str(UUID(int=1)), str(UUID(int=2))]))
    assert [test.text(3) for test in tests] == [
        "EXISTS (SELECT FROM memo_stamps AS o WHERE o.user_id = $1 AND o.memo_id = t.id"
        " AND o.stamp_id = ANY($3) AND o.deleted_at IS NULL)"
    ]
    assert values == ((UUID(int=1), UUID(int=2)),)


def test_every_filter_of_the_schema_has_them() -> None:
    lists = {
        str(argument.type)
        for of in graphql_schema().type_map.values()
        for field in getattr(of, "fields", {}).values()
        if (argument := getattr(field, "args", {}).get("filter")) is not None
    }
    assert len(lists) > 4
    for name in lists:
        fields: Any = graphql_schema().type_map[name].fields  # type: ignore[attr-defined]
        assert (str(fields["OR"].type), str(fields["NOT"].type)) == (f"[{name}!]", name)


async def test_filters_of_endless_forms_fill_no_cache(writer: Client) -> None:
    """Clients can make up any number of them, and each has a statement of its own."""
    before = [cached.cache_info().currsize for cached in (statements.page, statements.count, statements.beyond)]
    for n in range(1, 20):
        await writer.data(LISTED, filter={"OR": [{"text": "a"}] * n})
    after = [cached.cache_info().currsize for cached in (statements.page, statements.count, statements.beyond)]
    assert after == before


@pytest.mark.parametrize(
    ("filter", "field", "reason"),
    [
        ({"OR": [{}, {"NOT": {"textContains": "x" * 501}}]}, "filter.OR.1.NOT.textContains", "at most 500"),
        ({"OR": [{"NOT": {"notebookId": "7"}}]}, "filter.OR.0.NOT.notebookId", "'7' is not a UUID"),
        ({"NOT": {"stampId": ["7"]}}, "filter.NOT.stampId", "'7' is not a UUID"),
        (
            {"OR": [{"points": [n]} for n in range(MOST_CONDITIONS + 1)]},
            f"filter.OR.{MOST_CONDITIONS}.points",
            "a filter has at most 50 conditions",
        ),
        ({"OR": [{}] * (MOST_CONDITIONS + 1)}, f"filter.OR.{MOST_CONDITIONS}", "a filter has at most 50 conditions"),
        (
            {"OR": [{"OR": []}] * (MOST_CONDITIONS + 1)},
            f"filter.OR.{MOST_CONDITIONS}.OR",
            "a filter has at most 50 conditions",
        ),
        (
            nested(MOST_NESTED + 1, {"text": "a"}),
            "filter.NOT.OR.1.NOT.OR.1.NOT.OR.0",
            "OR and NOT may be nested 5 deep",
        ),
        (nested(40, {"text": "a"}), "filter.NOT.OR.1.NOT.OR.1.NOT.OR.0", "OR and NOT may be nested 5 deep"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_is_wrong_in_a_filter_is_named_by_its_path(
    any_writer: Client, filter: dict[str, Any], field: str, reason: str
) -> None:
    (error,) = (await any_writer.run(LISTED, filter=filter))["errors"]
    assert error["extensions"]["code"] == "INVALID"
    assert error["extensions"]["field"] == [field]
    assert error["message"].startswith(f"{field}: ")
    assert reason in error["message"]


@pytest.mark.parametrize("depth", [250, 900, 20_000])
async def test_filters_nested_without_end_are_refused(any_writer: Client, depth: int) -> None:
    """As a variable, and as a literal."""
    inside = '{"text": "a"}'
    text = '{"NOT": ' * depth + inside + "}" * depth
    body = f'{{"query": "{LISTED}", "variables": {{"filter": {text}}}}}'
    headers = {"content-type": "application/json", **any_writer.headers}
    async with any_writer.http.post(f"{any_writer.url}/graphql", data=body, headers=headers) as response:
        answer = await response.json()
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    assert codes <= {"INVALID", "BAD_REQUEST"}
    literal = "{ memos(filter: " + "{NOT: " * depth + '{text: "a"}' + "}" * depth + ") { totalCount } }"
    answer = await any_writer.run(literal)
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    assert codes <= {"INVALID", "BAD_REQUEST", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}


async def test_as_much_as_is_allowed_is_answered(any_writer: Client) -> None:
    notebook = (await any_writer.make("createNotebook", "notebook", title="A"))["id"]
    await any_writer.make("createMemo", "memo", notebookId=notebook, text="a")
    deepest = nested(MOST_NESTED, {"text": "a"})
    assert (await any_writer.data(LISTED, filter=deepest))["memos"]["totalCount"] in (0, 1)
    literal = '{ text: "a" }'
    for _ in range(MOST_NESTED):
        literal = f"{{ OR: [{literal}] }}"
    assert (await any_writer.data(f"{{ memos(filter: {literal}) {{ totalCount }} }}"))["memos"]["totalCount"] == 1
    widest = {"OR": [{"text": str(n)} for n in range(MOST_CONDITIONS - 1)] + [{"text": "a"}]}
    assert (await any_writer.data(LISTED, filter=widest))["memos"]["totalCount"] == 1
    wrapped = {"OR": [{"NOT": {"text": str(n)}} for n in range(MOST_CONDITIONS)]}
    assert (await any_writer.data(LISTED, filter=wrapped))["memos"]["totalCount"] == 1
    largest = {"OR": [{"textContains": "x" * 500} for n in range(MOST_CONDITIONS)]}
    assert (await any_writer.data(LISTED, filter=largest))["memos"]["totalCount"] == 0


async def test_a_filter_may_contain_variables_at_any_depth(any_writer: Client) -> None:
    notebook = (await any_writer.make("createNotebook", "notebook", title="A"))["id"]
    for text in ("a", "b", "c"):
        await any_writer.make("createMemo", "memo", notebookId=notebook, text=text)
    operation = """query($a: String, $not: MemoFilter, $left: MemoFilter) {
        memos(filter: { OR: [{ text: $a }, { NOT: $not, text: "b" }], NOT: $left }) { nodes { text } } }"""
    found = await any_writer.data(operation, a="a", **{"not": {"OR": [{"text": "c"}]}})
    assert [node["text"] for node in found["memos"]["nodes"]] == ["a", "b"]


async def test_equal_filters_of_one_level_are_read_once(writer: Client) -> None:
    operation = """{ a: memos(filter: { NOT: { text: "a" } }) { nodes { id } }
        b: memos(filter: { NOT: { text: "a" } }) { nodes { id } } }"""
    before = len(writer.statements.texts)
    await writer.data(operation)
    assert len(writer.statements.texts) - before == 1


def test_an_error_says_how_much_is_allowed() -> None:
    with pytest.raises(Invalid, match="at most 50"):
        conditions(MEMO, Filter(OR=[Filter(text=str(n)) for n in range(60)]))
