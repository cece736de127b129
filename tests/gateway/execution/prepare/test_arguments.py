"""Compiled arguments are those that graphql-core reads, errors included."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    VariableValues,
    build_schema,
    get_argument_values,
    parse,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature
from graphql.execution.values import VariableValueSource
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.execution.prepare.arguments import compile_arguments
from tests.kit.schema import graphql_schema

SDL = """
    scalar JSON
    enum Colour { RED GREEN }
    input Inner { text: String = "inner", list: [String!], colours: [Colour!]! = [RED], inner: Inner, any: JSON }
    input Choice @oneOf { text: String, inner: Inner }
    type Query {
        plain: Int
        scalars(text: String, number: Int!, ratio: Float = 0.5, id: ID! = "a", colour: Colour = GREEN): Int
        lists(flat: [Int], strict: [[Int!]!]!, colours: [Colour] = [RED, GREEN]): Int
        objects(inner: Inner, inners: [Inner!], point: Point, choice: Choice, any: JSON): Int
    }
    input Point { x: Int! = 1, y: Int! }
"""

OURS = graphql_schema()


def richer_schema() -> GraphQLSchema:
    """Has what Parley's own lacks: nested lists, defaults everywhere, types that hold themselves, own classes."""
    schema = build_schema(SDL)
    point = schema.get_type("Point")
    assert isinstance(point, GraphQLInputObjectType)
    point.out_type = lambda value: (value["x"], value["y"])  # type: ignore[method-assign]
    point.fields["y"].out_name = "y"
    assert schema.query_type
    schema.query_type.fields["scalars"].args["text"].out_name = "words"
    return schema


RICHER = richer_schema()


def fields_of(schema: GraphQLSchema) -> list[GraphQLField]:
    types = [schema.query_type, schema.mutation_type, schema.subscription_type, schema.get_type("Conversation")]
    return [field for each in types if isinstance(each, GraphQLObjectType) for field in each.fields.values()]


FIELDS = [*fields_of(OURS), *fields_of(RICHER)]
VARIABLES = ["a", "b", "c"]
WORDS = st.sampled_from(['"x"', "1", "-2", "0.5", "true", "RED", "USER", "null", '"2026-01-31T12:00:00Z"', "[]", "{}"])


def literals(of: GraphQLInputType, depth: int = 3) -> st.SearchStrategy[str]:
    """Mostly what the type wants; variables, and anything, in places."""
    return st.one_of(fitting(of, depth), fitting(of, depth), st.sampled_from([f"${each}" for each in VARIABLES]), WORDS)


def fitting(of: GraphQLInputType, depth: int) -> st.SearchStrategy[str]:
    if isinstance(of, GraphQLNonNull):
        return fitting(of.of_type, depth)
    if isinstance(of, GraphQLList):
        return st.lists(literals(of.of_type, depth), max_size=3).map(lambda items: f"[{' '.join(items)}]")
    if isinstance(of, GraphQLInputObjectType):
        return braced(of.fields, depth - 1) if depth else st.just("{}")
    if isinstance(of, GraphQLEnumType):
        return st.sampled_from(list(of.values))
    anything = st.just("{a: [1, {b: $a}], c: $b}") if of.name == "JSON" else st.nothing()
    return st.one_of(WORDS, anything)


@st.composite
def braced(draw: st.DrawFn, declared: Any, depth: int) -> str:
    chosen = draw(st.lists(st.sampled_from(sorted(declared)), unique=True, max_size=4))
    return "{" + " ".join(f"{name}: {draw(literals(declared[name].type, depth))}" for name in chosen) + "}"


@st.composite
def field_nodes(draw: st.DrawFn, field: GraphQLField) -> FieldNode:
    given_ = {name: draw(literals(each.type)) for name, each in field.args.items() if draw(st.integers(0, 3))}
    inside = ", ".join(f"{name}: {text}" for name, text in given_.items())
    return field_node(f"{{ field({inside}) }}" if inside else "{ field }")


def field_node(text: str) -> FieldNode:
    definition = parse(text).definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    node = definition.selection_set.selections[0]
    assert isinstance(node, FieldNode)
    return node


def variable_values(values: dict[str, Any]) -> VariableValues:
    signature = {name: GraphQLVariableSignature(name, GraphQLString, None) for name in values}
    return VariableValues({name: VariableValueSource(signature[name], "s") for name in values}, values)


VALUES = st.dictionaries(st.sampled_from(VARIABLES), st.sampled_from([None, "s", 1, ["l"], {"k": 1}])).map(
    variable_values
)


def outcome(read: Any, variables: VariableValues) -> Any:
    try:
        found = read(variables)
        return found, list(found)
    except Exception as error:  # noqa: BLE001 - whatever graphql-core raises, so must the compiled one
        return type(error), str(error), getattr(error, "locations", None)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_compiled_arguments_equal_those_of_graphql_core(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(FIELDS))
    node = data.draw(field_nodes(field))
    compiled = compile_arguments(field, node)
    for variables in data.draw(st.lists(VALUES, min_size=1, max_size=3)):
        expected = outcome(lambda each: get_argument_values(field, node, each), variables)
        assert outcome(compiled, variables) == expected


def field_of(name: str) -> GraphQLField:
    assert RICHER.query_type
    field: GraphQLField = RICHER.query_type.fields[name]
    return field


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain", "{ plain }"),
        ("scalars", "{ scalars(number: 1) }"),
        ("objects", '{ objects(any: {list: [1]}, inner: {list: ["a"]}) }'),
        ("objects", "{ objects(any: {list: [1]}, inner: {text: $a, any: {deep: [1]}}) }"),
    ],
)
def test_what_a_resolver_does_to_its_arguments_is_not_seen_by_the_next(name: str, text: str) -> None:
    field, node, variables = field_of(name), field_node(text), variable_values({"a": "s"})
    compiled = compile_arguments(field, node)
    first = compiled(variables)
    expected = get_argument_values(field, node, variables)
    assert first == expected
    for value in first.values():
        if isinstance(value, dict):
            value.clear()
    first["more"] = 1
    assert compiled(variables) == expected


def test_literals_are_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    scalar = RICHER.get_type("Int")
    coerce = scalar.coerce_input_literal  # type: ignore[union-attr]
    monkeypatch.setattr(scalar, "coerce_input_literal", lambda node: asked.append(node) or coerce(node))  # type: ignore[func-returns-value]
    compiled = compile_arguments(field_of("scalars"), field_node("{ scalars(number: 1, text: $a) }"))
    before = len(asked)
    for word in ("s", "t"):
        assert compiled(variable_values({"a": word})) == {
            "words": word, "number": 1, "ratio": 0.5, "id": "a", "colour": "GREEN"
        }  # fmt: skip
    assert len(asked) == before == 1


def test_argument_that_is_refused_is_refused_each_time() -> None:
    node = field_node("{ scalars(number: $a) }")
    compiled = compile_arguments(field_of("scalars"), node)
    for _ in range(2):
        with pytest.raises(Exception, match="number"):
            compiled(variable_values({}))
    assert compiled(variable_values({"a": 2}))["number"] == 2
