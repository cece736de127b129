"""Input coercion of variables: compile an input type into the function that converts its values.

For plain JSON the result equals that of graphql-core's `coerce_input_value`. For anything unusual the function raises,
and graphql-core decides: it accepts the value, or says what is wrong with it.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLNullableInputType,
    GraphQLScalarType,
    Undefined,
)

from gateway.schema.graphql_private import coerce_default_value

Converter = Callable[[Any], Any]

# graphql-core refuses types and values nested deeper than 200 levels, and recurses for each level.
MAX_LISTS = 16

# Immutable values: all resolvers may share one instance.
SHAREABLE = (str, int, float, type(None), enum.Enum, datetime.date, datetime.time, decimal.Decimal, uuid.UUID)

_REQUIRED: Any = object()


class DoubtError(Exception):
    """The value is unusual: graphql-core decides whether it is valid."""


@dataclass(slots=True)
class Converters:
    """Makes a document's converters, one for each named type."""

    _named: dict[str, Converter] = field(default_factory=dict)

    def of(self, type_: GraphQLInputType, lists: int = 0) -> Converter:
        """The converter for values of the type."""
        if isinstance(type_, GraphQLNonNull):
            return self._present(type_.of_type, lists)
        convert = self._present(type_, lists)
        return lambda value: None if value is None else convert(value)

    def _present(self, type_: GraphQLNullableInputType, lists: int) -> Converter:
        """The converter for values other than null; it refuses null."""
        if isinstance(type_, GraphQLList):
            return doubt if lists == MAX_LISTS else _list(self.of(type_.of_type, lists + 1))
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_)
        return _leaf(type_)

    def _object(self, type_: GraphQLInputObjectType) -> Converter:
        if type_.is_one_of:
            return doubt
        if type_.name not in self._named:
            # An input type may contain itself, so its fields look its converter up by name.
            self._named[type_.name] = lambda value: self._named[type_.name](value)
            fields = [
                (name, field.out_name or name, self.of(field.type), _default(field))
                for name, field in type_.fields.items()
            ]
            self._named[type_.name] = _object(fields, type_.out_type)
        return self._named[type_.name]


def doubt(*_: Any) -> Any:
    """A converter that leaves everything to graphql-core."""
    raise DoubtError


def _list(convert: Converter) -> Converter:
    def convert_list(value: Any) -> Any:
        if type(value) is list:
            return [convert(item) for item in value]
        if isinstance(value, str | int | float | dict):
            return [convert(value)]
        raise DoubtError

    return convert_list


def _leaf(type_: GraphQLScalarType | GraphQLEnumType) -> Converter:
    if isinstance(type_, GraphQLEnumType):
        return {name: type_.coerce_input_value(name) for name in type_.values}.__getitem__
    coerce = type_.coerce_input_value

    def convert(value: Any) -> Any:
        coerced = coerce(value)
        if value is None or coerced is Undefined:
            raise DoubtError
        return coerced

    return convert


def _object(fields: list[tuple[str, str, Converter, Any]], out_type: Callable[[dict[str, Any]], Any]) -> Converter:
    def convert_object(value: Any) -> Any:
        if type(value) is not dict:
            raise DoubtError
        values: dict[str, Any] = {}
        unknown = len(value)
        for name, out_name, convert, default in fields:
            if name in value:
                unknown -= 1
                values[out_name] = convert(value[name])
            elif default is _REQUIRED:
                raise DoubtError
            elif default is not Undefined:
                values[out_name] = default
        if unknown:
            raise DoubtError
        return out_type(values)

    return convert_object


def _default(declared: GraphQLInputField) -> Any:
    try:
        value = coerce_default_value(declared)
    except TypeError:
        return _REQUIRED
    return _REQUIRED if value is Undefined and isinstance(declared.type, GraphQLNonNull) else value
