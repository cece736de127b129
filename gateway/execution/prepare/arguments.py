"""Argument coercion, compiled once per document: literals are coerced then, and only variables per request.

The result equals that of graphql-core's `get_argument_values`. Whatever cannot be coerced is passed on to
graphql-core, so errors have its wording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    VariableValues,
    coerce_input_literal,
    get_argument_values,
)

from gateway.execution.prepare.inputs import SHAREABLE
from gateway.schema.graphql_private import coerce_default_value

Arguments = Callable[[VariableValues], dict[str, Any]]

# Returns `Undefined` if the value cannot be coerced, as graphql-core does.
_Reader = Callable[[VariableValues], Any]

_ABSENT: Any = object()


def compile_arguments(field: GraphQLField, node: FieldNode) -> Arguments:
    """Compile the function from a request's variables to this field's arguments. Each call returns a new dict."""
    template: dict[str, Any] = {}
    readers: list[tuple[str, _Reader]] = []
    value_nodes = {argument.name.value: argument.value for argument in node.arguments or ()}
    for name, argument in field.args.items():
        out_name = argument.out_name or name
        reader, value = _argument(argument, value_nodes.get(name))
        if value is not _ABSENT:
            template[out_name] = value
        if reader is not None:
            readers.append((out_name, reader))
    if not readers:
        return lambda _: template.copy()
    return _assemble(template, readers, lambda variables: get_argument_values(field, node, variables))


def _assemble(template: dict[str, Any], readers: Iterable[tuple[str, _Reader]], fallback: Arguments) -> Arguments:
    def arguments(variables: VariableValues) -> dict[str, Any]:
        values = template.copy()
        for name, read in readers:
            value = read(variables)
            if value is Undefined:
                return fallback(variables)
            if value is _ABSENT:
                del values[name]
            else:
                values[name] = value
        return values

    return arguments


def _argument(argument: GraphQLArgument, node: ValueNode | None) -> tuple[_Reader | None, Any]:
    """The argument's reader, or None if it is constant, and its value in the template."""
    if node is None:
        value = _default(argument)
        return (None, value) if value is not Undefined else (_constant(Undefined), None)
    if isinstance(node, VariableNode):
        return _variable(node, argument.type, _default(argument)), None
    reader = _with_variables(node, argument.type)
    if reader is None:
        value = coerce_input_literal(node, argument.type)
        if isinstance(value, SHAREABLE):
            return None, value
        reader = _literal(node, argument.type, value)
    return reader, None


def _default(declared: GraphQLArgument | GraphQLInputField) -> Any:
    """The value of an omitted argument or input field. Without a default: `Undefined` if required, else `_ABSENT`."""
    try:
        value = coerce_default_value(declared)
    except TypeError:
        return Undefined
    if value is Undefined and not isinstance(declared.type, GraphQLNonNull):
        return _ABSENT
    return value


def _variable(node: VariableNode, of: GraphQLInputType, missing: Any) -> _Reader:
    name = node.name.value
    null = Undefined if isinstance(of, GraphQLNonNull) else None

    def read(variables: VariableValues) -> Any:
        value = variables.coerced.get(name, Undefined)
        if value is None:
            return null
        return missing if value is Undefined else value

    return read


def _with_variables(node: ValueNode | None, of: GraphQLInputType) -> _Reader | None:
    """The reader of a literal that contains variables; None if it contains none."""
    if isinstance(of, GraphQLNonNull):
        return _with_variables(node, of.of_type)
    if not isinstance(node, ListValueNode | ObjectValueNode):
        return None
    if isinstance(of, GraphQLList):
        items = node.values if isinstance(node, ListValueNode) else (node,)
        return _list(items, of.of_type)
    if isinstance(of, GraphQLInputObjectType) and isinstance(node, ObjectValueNode) and not of.is_one_of:
        return _object(node, of)
    return _by_graphql_core(node, of) if mentions_variable(node) else None


def _list(nodes: Iterable[ValueNode], of: GraphQLInputType) -> _Reader | None:
    items = _readers((node, of, Undefined if isinstance(of, GraphQLNonNull) else None) for node in nodes)
    if items is None:
        return None

    def read(variables: VariableValues) -> Any:
        values = [item(variables) for item in items]
        return Undefined if any(value is Undefined for value in values) else values

    return read


def _object(node: ObjectValueNode, of: GraphQLInputObjectType) -> _Reader | None:
    value_nodes = {field.name.value: field.value for field in node.fields}
    if not value_nodes.keys() <= of.fields.keys():
        return _constant(Undefined)
    names = [field.out_name or name for name, field in of.fields.items()]
    readers = _readers((value_nodes.get(name), field.type, _default(field)) for name, field in of.fields.items())
    if readers is None:
        return None
    fields = tuple((name, reader) for name, reader in zip(names, readers, strict=True) if reader is not _absent)

    def read(variables: VariableValues) -> Any:
        values = {}
        for name, field in fields:
            value = field(variables)
            if value is Undefined:
                return Undefined
            if value is not _ABSENT:
                values[name] = value
        return of.out_type(values)

    return read


def _readers(parts: Iterable[tuple[ValueNode | None, GraphQLInputType, Any]]) -> list[_Reader] | None:
    """The readers of a literal's parts. Each part is its node, its type and its value when missing.

    None if no part contains a variable: the literal is then coerced as a whole.
    """
    listed = list(parts)
    readers: list[_Reader | None] = [
        _variable(node, of, missing) if isinstance(node, VariableNode) else _with_variables(node, of)
        for node, of, missing in listed
    ]
    if not any(readers):
        return None
    return [
        reader or (_literal(node, of, coerce_input_literal(node, of)) if node else _constant(missing))
        for reader, (node, of, missing) in zip(readers, listed, strict=True)
    ]


def _literal(node: ValueNode, of: GraphQLInputType, value: Any) -> _Reader:
    """The reader of a literal without variables. Resolvers may mutate a list or an object, so each call copies it."""
    if isinstance(value, SHAREABLE) or value is Undefined:
        return _constant(value)
    copy = _copier(value)
    return (lambda _: copy()) if copy else _by_graphql_core(node, of)


def _copier(value: Any) -> Callable[[], Any] | None:
    """The function that deep-copies the value, except for immutable parts; None if a part is of an unknown type."""
    if type(value) is not list and type(value) is not dict:
        return None
    copiers = []
    for key, item in value.items() if type(value) is dict else enumerate(value):
        if not isinstance(item, SHAREABLE):
            copiers.append((key, _copier(item)))
    if not copiers:
        copy: Callable[[], Any] = value.copy
        return copy
    known = [(key, copier) for key, copier in copiers if copier]
    return _deep(value, known) if len(known) == len(copiers) else None


def _deep(value: Any, copiers: list[tuple[Any, Callable[[], Any]]]) -> Callable[[], Any]:
    def copy() -> Any:
        copied = value.copy()
        for key, copier in copiers:
            copied[key] = copier()
        return copied

    return copy


def _constant(value: Any) -> _Reader:
    return _absent if value is _ABSENT else lambda _: value


def _absent(_: VariableValues) -> Any:
    return _ABSENT


def _by_graphql_core(node: ValueNode, of: GraphQLInputType) -> _Reader:
    return lambda variables: coerce_input_literal(node, of, variables)


def mentions_variable(node: ValueNode) -> bool:
    """Whether a value in a document contains a variable."""
    if isinstance(node, ListValueNode):
        return any(mentions_variable(item) for item in node.values)
    if isinstance(node, ObjectValueNode):
        return any(mentions_variable(field.value) for field in node.fields)
    return isinstance(node, VariableNode)
