"""Null where it may not be: it goes up to the nearest nullable field or item, which has one error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from graphql import build_schema

from tests.gateway.execution.both import check, later, schema_of

SCHEMA = build_schema("""
    type Query {
        leaf: String
        sure: String!
        soon: String
        surelySoon: String!
        nest: Query
        sureNest: Query!
        soonNest: Query
        surelySoonNest: Query!
    }
""")

NO_NULL = "Cannot return null for non-nullable field Query.{}."

Answers = Callable[[str], Any]


class Nest:
    """An object whose leaves all give, or raise, the same."""

    def __init__(self, answer: Answers) -> None:
        self._answer = answer

    def leaf(self, _info: Any) -> Any:
        return self._answer("leaf")

    def sure(self, _info: Any) -> Any:
        return self._answer("sure")

    async def soon(self, _info: Any) -> Any:
        return self._answer("soon")

    async def surelySoon(self, _info: Any) -> Any:  # noqa: N802 - the name of a field
        return self._answer("surelySoon")

    def nest(self, _info: Any) -> Nest:
        return self

    sureNest = nest  # noqa: N815

    async def soonNest(self, _info: Any) -> Nest:  # noqa: N802
        return self

    surelySoonNest = soonNest  # noqa: N815


def _nothing(_field: str) -> None:
    return None


def _failing(field: str) -> None:
    raise RuntimeError(f"{field} failed")


def _failure(field: str, answer: Answers) -> str:
    return NO_NULL.format(field) if answer is _nothing else f"{field} failed"


@pytest.mark.parametrize("field", ["leaf", "soon"])
async def test_null_stays_where_it_may_be(field: str) -> None:
    await check(SCHEMA, f"{{ {field} }}", {field: None}, root=Nest(_nothing))
    await check(SCHEMA, f"{{ {field} }}", {field: None}, [(field, f"{field} failed")], root=Nest(_failing))


@pytest.mark.parametrize("answer", [_nothing, _failing])
@pytest.mark.parametrize("field", ["sure", "surelySoon"])
@pytest.mark.parametrize("nest", ["nest", "soonNest"])
async def test_object_with_a_null_that_may_not_be_is_null(nest: str, field: str, answer: Answers) -> None:
    errors = [(f"{nest}.{field}", _failure(field, answer))]
    await check(SCHEMA, f"{{ {nest} {{ {field} }} }}", {nest: None}, errors, root=Nest(answer))


@pytest.mark.parametrize("answer", [_nothing, _failing])
@pytest.mark.parametrize("field", ["sure", "surelySoon"])
async def test_data_is_null_where_the_root_has_a_null_that_may_not_be(field: str, answer: Answers) -> None:
    await check(SCHEMA, f"{{ {field} }}", None, [(field, _failure(field, answer))], root=Nest(answer))


CHAIN = ("sureNest", "surelySoonNest", "sureNest", "surelySoonNest")


@pytest.mark.parametrize("answer", [_nothing, _failing])
@pytest.mark.parametrize("field", ["sure", "surelySoon"])
@pytest.mark.parametrize("nest", ["nest", "soonNest"])
async def test_null_goes_up_a_long_chain_to_the_first_place_that_may_be_null(
    nest: str, field: str, answer: Answers
) -> None:
    operation = "{ " + " { ".join((nest, *CHAIN, field)) + " }" * (len(CHAIN) + 2)
    errors = [(".".join((nest, *CHAIN, field)), _failure(field, answer))]
    await check(SCHEMA, operation, {nest: None}, errors, root=Nest(answer))


@pytest.mark.parametrize("answer", [_nothing, _failing])
async def test_each_branch_is_null_by_itself(answer: Answers) -> None:
    operation = "{ a: nest { sureNest { sure } } b: soonNest { surelySoonNest { surelySoon } } c: nest { __typename } }"
    errors = {
        ("a.sureNest.sure", _failure("sure", answer)),
        ("b.surelySoonNest.surelySoon", _failure("surelySoon", answer)),
    }
    await check(SCHEMA, operation, {"a": None, "b": None, "c": {"__typename": "Query"}}, errors, root=Nest(answer))


async def test_tree_of_places_that_may_be_null_has_an_error_for_each() -> None:
    leaves = "leaf soon"
    operation = f"{{ nest {{ {leaves} nest {{ {leaves} }} soonNest {{ {leaves} }} }} soonNest {{ {leaves} }} }}"
    nulls = {"leaf": None, "soon": None}
    tree = {"nest": {**nulls, "nest": nulls, "soonNest": nulls}, "soonNest": nulls}
    await check(SCHEMA, operation, tree, root=Nest(_nothing))
    paths = ("nest", "nest.nest", "nest.soonNest", "soonNest")
    errors = {(f"{path}.{leaf}", f"{leaf} failed") for path in paths for leaf in ("leaf", "soon")}
    await check(SCHEMA, operation, tree, errors, root=Nest(_failing))


async def test_what_failed_before_the_object_became_null_is_told_too() -> None:
    errors = [("nest.leaf", "leaf failed"), ("nest.sure", "sure failed")]
    await check(SCHEMA, "{ nest { leaf sure } }", {"nest": None}, errors, root=Nest(_failing))


async def test_what_would_fail_behind_the_null_is_not_told() -> None:
    errors = [("nest.sure", "sure failed")]
    await check(SCHEMA, "{ nest { sure leaf } }", {"nest": None}, errors, root=Nest(_failing))


async def test_of_two_nulls_that_may_not_be_the_first_is_told() -> None:
    operation = "{ nest { a: sure b: sure } }"
    await check(SCHEMA, operation, {"nest": None}, [("nest.a", "sure failed")], root=Nest(_failing))


WRAPPED = [
    ("[Int]", [1, None, 2], [1, None, 2], None),
    ("[Int!]", [1, None, 2], None, "of.1"),
    ("[Int]!", [1, None, 2], [1, None, 2], None),
    ("[Int!]!", [1, None, 2], ..., "of.1"),
    ("[Int]", None, None, None),
    ("[Int]!", None, ..., "of"),
    ("[Int!]!", None, ..., "of"),
    ("[[Int!]]", [[1], [None], [2]], [[1], None, [2]], "of.1.0"),
    ("[[Int!]!]", [[1], [None], [2]], None, "of.1.0"),
    ("[[Int!]!]!", [[1], [2, None]], ..., "of.1.1"),
    ("[[Int]!]", [[1], None], None, "of.1"),
    ("[[Int]!]!", [[None], None], ..., "of.1"),
    ("[[[Int!]]!]", [[[1], [None]], [None]], [[[1], None], [None]], "of.0.1.0"),
]


@pytest.mark.parametrize("soon", [False, True], ids=["now", "soon"])
@pytest.mark.parametrize(("of", "value", "expect", "at"), WRAPPED)
async def test_null_in_lists(of: str, value: Any, expect: Any, at: str | None, soon: bool) -> None:
    """`...` stands for data that is null as a whole."""
    schema = schema_of(f"type Query {{ of: {of} }}", Query_of=lambda *_: later(value) if soon else value)
    errors = [(at, NO_NULL.format("of"))] if at else []
    await check(schema, "{ of }", None if expect is ... else {"of": expect}, errors)


ARGUMENT = schema_of("type Query { of(it: String!): String }", Query_of=lambda _, __, it: f"got {it}")


@pytest.mark.parametrize(
    ("operation", "variables"),
    [
        ('{ of(it: "this") }', {}),
        ("query ($it: String!) { of(it: $it) }", {"it": "this"}),
        ('query ($it: String = "this") { of(it: $it) }', {}),
        ('query ($it: String! = "this") { of(it: $it) }', {}),
    ],
)
async def test_argument_that_may_not_be_null(operation: str, variables: dict[str, Any]) -> None:
    await check(ARGUMENT, operation, {"of": "got this"}, variables=variables)


async def test_null_sent_for_an_argument_that_may_not_be_null_fails_the_field_alone() -> None:
    schema = schema_of("type Query { of(it: String!): String, other: Int }", Query_other=lambda *_: 1)
    reason = (
        "Argument 'it' has invalid value: Expected variable '$it' provided to non-null type 'String!' not to be None."
    )
    operation = 'query ($it: String = "this") { other of(it: $it) }'
    await check(schema, operation, {"other": 1, "of": None}, [("of", reason)], variables={"it": None})
