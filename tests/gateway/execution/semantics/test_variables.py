"""Arguments: what a resolver gets of literals, variables, defaults and what was left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from graphql import GraphQLSchema

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest, RequestErrors
from tests.gateway.execution.both import check, schema_of

SDL = """
    scalar Any
    enum Colour { RED GREEN }
    input Point { x: Int!, y: Int = 7, name: String, next: Point }
    input One @oneOf { number: Int, text: String }
    type Query {
        text(of: String): String
        sure(of: String!): String
        usual(of: String = "usual"): String
        sureUsual(of: String! = "usual"): String
        list(of: [String]): String
        sureList(of: [String]!): String
        listOfSure(of: [String!]): String
        sureListOfSure(of: [String!]!): String
        grid(of: [[Int]]): String
        point(of: Point): String
        colour(of: Colour = GREEN): String
        one(of: One): String
        any(of: Any): String
    }
"""


def _schema() -> GraphQLSchema:
    def told(_: Any, __: Any, **arguments: Any) -> str:
        return json.dumps(arguments["of"]) if "of" in arguments else "left out"

    schema = schema_of(SDL)
    assert schema.query_type is not None
    for field in schema.query_type.fields.values():
        field.resolve = told
    return schema


SCHEMA = _schema()

LITERALS = [
    ("text", "left out"),
    ("text(of: null)", "null"),
    ('text(of: "a")', '"a"'),
    ('text(of: """\n  block\n    of text\n""")', '"block\\n  of text"'),
    ("usual", '"usual"'),
    ("usual(of: null)", "null"),
    ("sureUsual", '"usual"'),
    ("list(of: null)", "null"),
    ('list(of: "a")', '["a"]'),
    ('list(of: ["a", null, "b"])', '["a", null, "b"]'),
    ("sureList(of: [])", "[]"),
    ('sureListOfSure(of: ["a"])', '["a"]'),
    ("grid(of: 1)", "[[1]]"),
    ("grid(of: [[1], null, 2])", "[[1], null, [2]]"),
    ("point(of: {x: 1})", '{"x": 1, "y": 7}'),
    ("point(of: {y: null, x: 1})", '{"x": 1, "y": null}'),
    ("point(of: {x: 1, next: {x: 2, name: null}})", '{"x": 1, "y": 7, "next": {"x": 2, "y": 7, "name": null}}'),
    ("colour", '"GREEN"'),
    ("colour(of: RED)", '"RED"'),
    ("one(of: {number: 1})", '{"number": 1}'),
    ('any(of: {a: [1, "b", null], c: D})', '{"a": [1, "b", null], "c": "D"}'),
]


@pytest.mark.parametrize(("field", "told"), LITERALS)
async def test_literal(field: str, told: str) -> None:
    await check(SCHEMA, f"{{ it: {field} }}", {"it": told})


LEFT_OUT: Any = object()

VARIABLES = [
    ("$v: String", "text(of: $v)", LEFT_OUT, "left out"),
    ("$v: String", "text(of: $v)", None, "null"),
    ("$v: String", "text(of: $v)", "a", '"a"'),
    ('$v: String = "b"', "text(of: $v)", LEFT_OUT, '"b"'),
    ('$v: String = "b"', "text(of: $v)", None, "null"),
    ("$v: String = null", "text(of: $v)", LEFT_OUT, "null"),
    ("$v: String", "usual(of: $v)", LEFT_OUT, '"usual"'),
    ("$v: String", "usual(of: $v)", None, "null"),
    ("$v: String", "sureUsual(of: $v)", LEFT_OUT, '"usual"'),
    ('$v: String = "b"', "sureUsual(of: $v)", LEFT_OUT, '"b"'),
    ('$v: String! = "b"', "sure(of: $v)", LEFT_OUT, '"b"'),
    ('$v: String = "b"', "sure(of: $v)", LEFT_OUT, '"b"'),
    ("$v: [String]", "list(of: $v)", "a", '["a"]'),
    ("$v: [String]", "list(of: $v)", [None], "[null]"),
    ("$v: String", "list(of: [$v])", LEFT_OUT, "[null]"),
    ("$v: String", 'list(of: ["a", $v])', "b", '["a", "b"]'),
    ("$v: [[Int]]", "grid(of: $v)", [1, [2, None]], "[[1], [2, null]]"),
    ("$v: Point", "point(of: $v)", {"x": 1, "next": {"x": 2}}, '{"x": 1, "y": 7, "next": {"x": 2, "y": 7}}'),
    ("$v: Int", "point(of: {x: 1, y: $v})", LEFT_OUT, '{"x": 1, "y": 7}'),
    ("$v: Int", "point(of: {x: 1, y: $v})", None, '{"x": 1, "y": null}'),
    ("$v: String", "point(of: {x: 1, name: $v})", LEFT_OUT, '{"x": 1, "y": 7}'),
    ("$v: Int!", "point(of: {x: 1, next: {x: $v}})", 5, '{"x": 1, "y": 7, "next": {"x": 5, "y": 7}}'),
    ("$v: Colour", "colour(of: $v)", "RED", '"RED"'),
    ("$v: Colour", "colour(of: $v)", LEFT_OUT, '"GREEN"'),
    ("$v: String!", "one(of: {text: $v})", "t", '{"text": "t"}'),
    ("$v: One", "one(of: $v)", {"number": 3}, '{"number": 3}'),
    ("$v: Any", "any(of: $v)", {"deep": [{"er": 1.5}]}, '{"deep": [{"er": 1.5}]}'),
    ("$v: Any", "any(of: {in: [$v, 1]})", "v", '{"in": ["v", 1]}'),
]


@pytest.mark.parametrize(("declared", "field", "sent", "told"), VARIABLES)
async def test_variable(declared: str, field: str, sent: Any, told: str) -> None:
    variables = {} if sent is LEFT_OUT else {"v": sent}
    await check(SCHEMA, f"query ({declared}) {{ it: {field} }}", {"it": told}, variables=variables)


async def test_variable_in_a_fragment_that_is_used_twice() -> None:
    operation = "query ($v: String) { ...T ... on Query { ...T } } fragment T on Query { it: text(of: $v) }"
    await check(SCHEMA, operation, {"it": '"a"'}, variables={"v": "a"})


async def test_what_is_sent_for_no_variable_is_nothing() -> None:
    await check(SCHEMA, "{ it: text }", {"it": "left out"}, variables={"of": "a"})


REFUSED = [
    ("$v: String!", "sure(of: $v)", LEFT_OUT),
    ("$v: String!", "sure(of: $v)", None),
    ("$v: String!", "sure(of: $v)", ["a"]),
    ("$v: [String]!", "sureList(of: $v)", None),
    ("$v: [String!]", "listOfSure(of: $v)", ["a", None]),
    ("$v: [String!]!", "sureListOfSure(of: $v)", [None]),
    ("$v: Point", "point(of: $v)", {"x": None}),
    ("$v: Point", "point(of: $v)", {"y": 1}),
    ("$v: Point", "point(of: $v)", {"x": 1, "z": 1}),
    ("$v: Point", "point(of: $v)", "point"),
    ("$v: Colour", "colour(of: $v)", "BLUE"),
    ("$v: One", "one(of: $v)", {"number": 1, "text": "t"}),
    ("$v: One", "one(of: $v)", {"number": None}),
]


@pytest.mark.parametrize(("declared", "field", "sent"), REFUSED)
async def test_variable_that_does_not_fit_is_refused_before_anything_runs(declared: str, field: str, sent: Any) -> None:
    variables = {} if sent is LEFT_OUT else {"v": sent}
    with pytest.raises(RequestErrors):
        Engine(SCHEMA).prepare(OperationRequest(f"query ({declared}) {{ it: {field} }}", variables=variables))


async def test_resolver_of_the_same_field_gets_the_arguments_of_each_alias() -> None:
    await check(SCHEMA, '{ a: text(of: "1") b: text(of: "2") text }', {"a": '"1"', "b": '"2"', "text": "left out"})
