"""Call resolvers as Strawberry and graphql-core do, but compute what is the same for every call only once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any

import strawberry
from graphql import (
    GraphQLSchema,
    default_field_resolver,
)
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

from gateway.execution.prepare.arguments import compile_arguments, mentions_variable
from gateway.execution.run.field import Field
from gateway.execution.run.info import FieldInfo
from gateway.execution.run.run import Run
from gateway.schema.objects.level import definition_of
from gateway.schema.strawberry_private import made_by

Convert = Callable[[Any], Any]
Call = Callable[[Any], Any]


class FieldArguments:
    """The arguments of a field, with the names and types that its resolver declares."""

    def __init__(self, schema: GraphQLSchema, field: Field, *, converted: bool = True) -> None:
        """Unless `converted`, they have graphql-core's names and types."""
        node = field.nodes[0]
        definition = definition_of(field.definition) if converted else None
        self.constant = not any(mentions_variable(argument.value) for argument in node.arguments or ())
        """Whether they are the same in every run."""
        self._read = compile_arguments(field.definition, node)
        self._convert = None if definition is None else converter(schema, definition)
        self._takes_any = bool(field.definition.args)

    def of(self, run: Run) -> Mapping[str, Any]:
        """The arguments in this run. Raises if they are invalid."""
        if not self._takes_any:
            return {}
        arguments = self._read(run.variables)
        return arguments if self._convert is None else self._convert(arguments)


def converter(schema: GraphQLSchema, definition: StrawberryField) -> Convert:
    """The function from graphql-core's arguments to those of a Strawberry resolver."""
    parts = [_argument(schema, argument) for argument in definition.arguments]

    def convert(arguments: Mapping[str, Any]) -> dict[str, Any]:
        converted = {}
        for name, python_name, each in parts:
            if name in arguments:
                value = arguments[name]
                converted[python_name] = value if each is None or value is None else each(value)
        return converted

    return convert


def _argument(schema: GraphQLSchema, argument: StrawberryArgument) -> tuple[str, str, Convert | None]:
    name = made_by(schema).config.name_converter.from_argument(argument)
    return name, argument.python_name, _value(schema, argument.type)


def _value(schema: GraphQLSchema, of: Any) -> Convert | None:
    """The function that converts a value other than null; None if values stay as they are."""
    if isinstance(of, StrawberryMaybe | LazyType):
        return _by_strawberry(schema, of)
    if isinstance(of, StrawberryOptional):
        return _value(schema, of.of_type)
    if isinstance(of, StrawberryList):
        item = _value(schema, of.of_type)
        if item is None:
            return list
        return lambda values: [None if value is None else item(value) for value in values]
    described = getattr(of, "__strawberry_definition__", None)
    if described is None or not getattr(described, "is_input", False):
        return None
    return _by_strawberry(schema, of) if described.from_input is not None else _input(schema, of)


def _input(schema: GraphQLSchema, of: type) -> Convert:
    described: Any = of.__strawberry_definition__  # type: ignore[attr-defined]
    name_of = made_by(schema).config.name_converter.from_field
    nothing = {
        field.python_name: None
        for field in described.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }
    fields = {name_of(field): field for field in described.fields}

    @functools.cache
    def known(name: str) -> tuple[str, Convert | None]:
        # Computed on first use, since an input type may contain itself.
        field = fields[name]
        return field.python_name, _value(schema, field.resolve_type(type_definition=described))

    def make(provided: Mapping[str, Any]) -> Any:
        values = nothing.copy()
        for name, value in provided.items():
            python_name, convert = known(name)
            values[python_name] = value if convert is None or value is None else convert(value)
        return of(**values)

    return make


def _by_strawberry(schema: GraphQLSchema, of: Any) -> Convert:
    made = made_by(schema)
    return lambda value: convert_argument(value, of, made.schema_converter.scalar_registry, made.config)


def binder(schema: GraphQLSchema, field: Field) -> Callable[[Run], Call]:
    """Prepare to bind the field's resolver to a run. Binding it returns a function from an object to its value.

    Binding raises if the arguments are invalid.
    """
    definition = definition_of(field.definition)
    if definition is None or definition.base_resolver is None or definition.is_subscription or definition.extensions:
        return _plain(schema, field)
    arguments = FieldArguments(schema, field)
    resolver = definition.base_resolver
    function: Any = resolver.wrapped_func
    by_position = resolver.self_parameter is not None
    named = [parameter.name for parameter in (resolver.parent_parameter, resolver.root_parameter) if parameter]
    info_name = resolver.info_parameter.name if resolver.info_parameter else None
    info_of: Any = strawberry.Info  # our `FieldInfo` has all attributes of graphql-core's that it reads

    def bind(run: Run) -> Call:
        values = dict(arguments.of(run))
        if info_name is not None:
            values[info_name] = info_of(_raw_info=FieldInfo(run, field), _field=definition)
        if by_position:
            return lambda source: function(source, **values)
        if not named:
            return lambda _source: function(**values)
        return lambda source: function(**values, **dict.fromkeys(named, source))

    return bind


def _plain(schema: GraphQLSchema, field: Field) -> Callable[[Run], Call]:
    # A resolver that Strawberry generated converts its arguments itself.
    arguments = FieldArguments(schema, field, converted=False)
    resolve = field.definition.resolve or default_field_resolver

    def bind(run: Run) -> Call:
        values = arguments.of(run)
        info: Any = run.info(field)
        return lambda source: resolve(source, info, **values)

    return bind


def computed(definition: StrawberryField) -> Call | None:
    """The function of a field that is computed from its object alone; None if it needs anything else or is async."""
    resolver = definition.base_resolver
    if resolver is None or resolver.arguments or resolver.info_parameter or definition.is_async:
        return None
    function: Any = resolver.wrapped_func
    return function if resolver.self_parameter and not inspect.isasyncgenfunction(function) else None
