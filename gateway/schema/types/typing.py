"""Decorators for the API's enums, inputs and plain objects, which are described by their docstrings."""

from __future__ import annotations

import enum
import inspect
from typing import Any, TypeVar, dataclass_transform

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

from gateway.data.entity import Link
from gateway.schema.types import describe

T = TypeVar("T")
E = TypeVar("E", bound=enum.Enum)


def enum_type(cls: type[E]) -> type[E]:
    """Declare an enum of the API. The values of its members are those in the database."""
    described = strawberry.enum(cls, description=describe.summary(cls))
    definition: StrawberryEnumDefinition = described.__strawberry_definition__  # type: ignore[attr-defined]
    texts = describe.attributes(cls)
    for value in definition.values:
        value.description = texts.get(value.name)
    return described


@dataclass_transform(kw_only_default=True)
def input_type(cls: type[T]) -> type[T]:
    """Declare an input type of the API. An attribute without a default is required."""
    _describe_fields(cls)
    return strawberry.input(cls, description=describe.summary(cls))


@dataclass_transform(kw_only_default=True)
def object_type(cls: type[T]) -> type[T]:
    """Declare an object type of the API. Use `entity` for a table's rows, and `event` for events.

    Its links (`one`, `maybe`) become fields when all types are known. Their `key` is an attribute that holds an id.
    """
    if links := {name: item for name, item in vars(cls).items() if isinstance(item, Link)}:
        cls.__links__ = links  # type: ignore[attr-defined]
        return cls
    _describe_fields(cls)
    return strawberry.type(cls, description=describe.summary(cls))


def links_of(cls: type) -> dict[str, Link]:
    """The links of an object type that is neither an entity nor an event; empty if it has none."""
    links: dict[str, Link] = vars(cls).get("__links__", {})
    return links


def _describe_fields(cls: type) -> None:
    for name, text in describe.attributes(cls).items():
        default: Any = vars(cls).get(name, strawberry.UNSET)
        if isinstance(default, StrawberryField):
            default.description = default.description or text
        elif name in inspect.get_annotations(cls):
            options = {} if name not in vars(cls) else {"default": default}
            setattr(cls, name, strawberry.field(description=text, **options))
