"""Compiled coercion gives the variables that graphql-core gives, and refuses in its words."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
    get_variable_values,
    is_input_type,
    parse,
    type_from_ast,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.execution.prepare import coerce as module
from gateway.execution.prepare.coerce import compile_coercion
from gateway.execution.prepare.document import MAX_ERRORS, without_values
from gateway.execution.prepare.request import RequestErrors
from tests.gateway.execution.prepare.test_arguments import OURS, RICHER

ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just({"unknown": 1}),
)

USUAL: dict[str, st.SearchStrategy[Any]] = {
    "ID": st.uuids().map(str) | st.integers(0, 9),
    "Int": st.integers(-5, 5) | st.just(2**31) | st.just(1.0),
    "Float": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5),
    "Boolean": st.booleans(),
    "BigInt": st.integers(-(2**63), 2**63) | st.just("12"),
    "Decimal": st.sampled_from(["0.0125", 1, 2.5, "1e3"]),
    "DateTime": st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()),
    "Date": st.dates().map(lambda day: day.isoformat()),
    "JSON": st.recursive(st.none() | st.integers(0, 9), lambda below: st.lists(below) | st.just({"k": [1]})),
}


def values(of: GraphQLInputType, depth: int = 3) -> st.SearchStrategy[Any]:
    """What the type wants, and now and then what it does not."""
    return st.integers(0, 19).flatmap(lambda dice: ODD if dice == 0 else fitting(of, depth))


def fitting(of: GraphQLInputType, depth: int) -> st.SearchStrategy[Any]:
    if isinstance(of, GraphQLNonNull):
        return fitting(of.of_type, depth)
    if isinstance(of, GraphQLList):
        return st.lists(values(of.of_type, depth), max_size=3)
    if isinstance(of, GraphQLInputObjectType):
        return objects(of, depth - 1) if depth else st.just({})
    if isinstance(of, GraphQLEnumType):
        return st.sampled_from(list(of.values))
    return USUAL.get(of.name, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5))


@st.composite
def objects(draw: st.DrawFn, of: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
    found = {}
    for name, field in of.fields.items():
        if draw(st.integers(0, 19 if isinstance(field.type, GraphQLNonNull) else 1)):
            found[name] = draw(values(field.type, depth))
    return found


def input_types(schema: GraphQLSchema) -> list[str]:
    return [name for name, each in schema.type_map.items() if is_input_type(each) and not name.startswith("__")]


WRAPPINGS = ["{}", "{}!", "[{}]", "[{}!]!", "[[{}]!]"]
DEFAULTS = ["null", "1", '"x"', "[]", "{}", "RED", "USER", '[{text: "x"}]', '{y: 1, content: "x"}']


@st.composite
def declarations(draw: st.DrawFn, schema: GraphQLSchema) -> str:
    """The variables of an operation: a few of any type, some with a default, even a wrong one."""
    parts = []
    for name in draw(st.sampled_from(["a", "ab", "abc"])):
        of = draw(st.sampled_from(WRAPPINGS)).format(draw(st.sampled_from(input_types(schema))))
        default = f" = {draw(st.sampled_from(DEFAULTS))}" if not draw(st.integers(0, 2)) else ""
        parts.append(f"${name}: {of}{default}")
    return ", ".join(parts)


def definition_of(declared: str) -> OperationDefinitionNode:
    definition = parse(f"query ({declared}) {{ __typename }}").definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def by_the_book(
    schema: GraphQLSchema, definition: OperationDefinitionNode, variables: dict[str, Any]
) -> VariableValues:
    nodes = definition.variable_definitions or ()
    found = get_variable_values(schema, nodes, dict(variables), max_errors=MAX_ERRORS, hide_suggestions=True)
    if isinstance(found, list):
        raise RequestErrors(without_values(found), "BAD_REQUEST")
    return found


def outcome(coerce: Any, variables: dict[str, Any]) -> Any:
    try:
        found: VariableValues = coerce(variables)
    except RequestErrors as refused:
        return [(error.message, error.locations) for error in refused.errors]
    sources = [(name, source.value, source.signature.name) for name, source in found.sources.items()]
    return repr(sources), repr(found.coerced)  # which tells 1 from 1.0 and true, and shows the order


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_compiled_coercion_equals_that_of_graphql_core(data: st.DataObject) -> None:
    schema = data.draw(st.sampled_from([OURS, RICHER]))
    definition = definition_of(data.draw(declarations(schema)))
    coerce = compile_coercion(schema, definition, suggestions=False)
    types = {
        node.variable.name.value: type_from_ast(schema, node.type) for node in definition.variable_definitions or ()
    }
    for _ in range(3):
        sent = {name: data.draw(values(of)) for name, of in types.items() if data.draw(st.integers(0, 5))}  # type: ignore[arg-type]
        assert outcome(coerce, sent) == outcome(lambda each: by_the_book(schema, definition, each), sent)


MESSAGE = {
    "conversationId": "0" * 36,
    "role": "USER",
    "content": "Où est le café ?",
    "status": "COMPLETE",
    "relevanceScore": 1,
    "files": [{"name": "a.txt", "size": 3}],
    "model": None,
}


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        ("$id: ID!", {"id": "x"}),
        ("$id: ID!, $first: Int = 5, $after: Cursor", {"id": 1}),
        ("$input: AddMessageInput!", {"input": MESSAGE}),
        ("$input: [AddMessageInput!]!", {"input": MESSAGE}),
        ("$filter: MessageFilter", {"filter": {"role": "USER", "createdFrom": "2026-01-31T12:00:00Z"}}),
        ("$filter: MessageFilter = {role: [USER]}", {}),
    ],
)
def test_usual_variables_do_not_take_the_long_way(
    monkeypatch: pytest.MonkeyPatch, declared: str, sent: dict[str, Any]
) -> None:
    definition = definition_of(declared)
    coerce = compile_coercion(OURS, definition, suggestions=True)
    expected = outcome(lambda each: by_the_book(OURS, definition, each), sent)
    monkeypatch.setattr(module, "get_variable_values", None)
    assert outcome(coerce, sent) == expected


def test_default_with_members_is_made_anew_for_each_request() -> None:
    coerce = compile_coercion(OURS, definition_of("$filter: MessageFilter = {role: [USER]}"), suggestions=True)
    coerce({}).coerced["filter"].clear()
    assert coerce({}).coerced["filter"]["role"]
