"""Variable coercion: from the variables that a client sends to the values that resolvers receive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableDefinitionNode,
    VariableValues,
    coerce_input_literal,
    get_variable_values,
)

from gateway.errors import BadRequest
from gateway.execution.prepare.document import MAX_ERRORS, without_values
from gateway.execution.prepare.inputs import SHAREABLE, Converter, Converters, doubt
from gateway.execution.prepare.request import RequestErrors
from gateway.schema.graphql_private import GraphQLVariableSignature, VariableValueSource, get_variable_signature

Coerce = Callable[[Mapping[str, Any]], VariableValues]

_AS_SENT = GraphQLScalarType("AsSent")
"""The declared type of all variable sources. graphql-core reads a source where a variable stands inside a scalar's
literal; with its own type, the ID "7" would become the number 7 there."""


def compile_coercion(schema: GraphQLSchema, definition: OperationDefinitionNode, *, suggestions: bool) -> Coerce:
    """Compile the function that coerces variables to the types that the operation declares.

    The result equals that of graphql-core's `get_variable_values`, to which it leaves unusual values, except that all
    sources have the type `_AS_SENT`.
    """
    nodes = definition.variable_definitions or ()
    compiled = _compile(schema, nodes)

    def coerce(variables: Mapping[str, Any]) -> VariableValues:
        try:
            return compiled(variables)
        except Exception:  # noqa: BLE001 - whatever a scalar raises, graphql-core words it
            return fallback(variables)

    def fallback(variables: Mapping[str, Any]) -> VariableValues:
        values = get_variable_values(
            schema, nodes, dict(variables), max_errors=MAX_ERRORS, hide_suggestions=not suggestions
        )
        if isinstance(values, list):
            raise RequestErrors(without_values(values), BadRequest.code)
        sources = {name: _source(source.signature, source.value) for name, source in values.sources.items()}
        return VariableValues(sources, values.coerced)

    return coerce


def _source(signature: GraphQLVariableSignature, value: Any = Undefined) -> VariableValueSource:
    return VariableValueSource(signature._replace(type=_AS_SENT), value)


@dataclass(frozen=True, slots=True)
class _Variable:
    """A declared variable."""

    name: str
    signature: GraphQLVariableSignature
    convert: Converter
    absent: VariableValueSource
    default: Callable[[], Any]
    """The value if a request omits the variable: `Undefined` if there is none. Raises if the variable is required."""


def _compile(schema: GraphQLSchema, nodes: Iterable[VariableDefinitionNode]) -> Coerce:
    converters = Converters()
    declared = [_declared(schema, node, converters) for node in nodes]

    def compiled(variables: Mapping[str, Any]) -> VariableValues:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for each in declared:
            name = each.name
            if name in variables:
                value = variables[name]
                sources[name] = VariableValueSource(each.signature, value)
                coerced[name] = each.convert(value)
            else:
                sources[name] = each.absent
                if (value := each.default()) is not Undefined:
                    coerced[name] = value
        return VariableValues(sources, coerced)

    return compiled


def _declared(schema: GraphQLSchema, node: VariableDefinitionNode, converters: Converters) -> _Variable:
    signature = get_variable_signature(schema, node)
    assert not isinstance(signature, GraphQLError), "the document is valid"  # noqa: S101
    convert = converters.of(signature.type)
    absent = _source(signature)
    return _Variable(signature.name, absent.signature, convert, absent, _default(signature))


def _default(signature: GraphQLVariableSignature) -> Callable[[], Any]:
    if signature.default is None:
        return doubt if isinstance(signature.type, GraphQLNonNull) else lambda: Undefined
    literal = signature.default.literal
    assert literal is not None, "a default in a document is a literal"  # noqa: S101
    value = coerce_input_literal(literal, signature.type)
    if value is Undefined:
        return doubt
    return (lambda: value) if isinstance(value, SHAREABLE) else lambda: coerce_input_literal(literal, signature.type)
