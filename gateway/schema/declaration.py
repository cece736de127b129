"""Check declarations when the schema is built, and refuse those that would build but give wrong answers.

What needs the database, such as whether an index serves a link, is checked when a gateway starts
(`gateway.schema.agreement`).
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    is_introspection_type,
    is_specified_scalar_type,
)

from gateway.data.entity import Entity, Link, entity_of
from gateway.schema.fields.event import OF_CHANGE, event_of
from gateway.schema.fields.standard import Standard
from gateway.schema.objects import filter as filters
from gateway.schema.objects.entity import Node, is_optional, kind_of
from gateway.schema.types.cursor import can_hold
from gateway.schema.types.scalars import JSON, BigInt, Cursor
from gateway.schema.types.wrong_declaration import WrongDeclaration

_COMPARED = {int, BigInt, float, decimal.Decimal, datetime.datetime, datetime.date, str}
"""Column types that have an order, so that filters can compare them."""

_IN_JSON = {str, int, BigInt, float, bool, JSON, UUID, Cursor}
"""Types that the feed stores as they are, or as text that is converted back."""


def refuse_wrong(entities: Mapping[str, type], events: Iterable[type]) -> None:
    """Raise `WrongDeclaration` with all problems, and what to write instead."""
    described = {name: entity_of(cls) for name, cls in entities.items()}
    problems = list(_shared_tables(described.values()))
    for name, cls in entities.items():
        problems += _ownership_problems(cls, described[name])
        problems += _order_problems(name, described[name], described[name].order)
        problems += _unique_problems(described[name])
        problems += _filter_problems(described[name])
        problems += _input_problems(cls, described[name])
        for link_name, link in described[name].links.items():
            problems += _link_problems(f"{name}.{link_name}", described[name], link, described.get(link.target))
    for event in events:
        problems += _event_problems(event)
    _refuse(problems)


def refuse_undescribed(schema: GraphQLSchema) -> None:
    """Raise `WrongDeclaration` with everything in the API that has no description."""
    _refuse(
        [
            f"{where} has no description. Write a docstring under it, or give it a `description`."
            for where, element in elements(schema)
            if not element.description
        ]
    )


def elements(schema: GraphQLSchema) -> Iterator[tuple[str, Any]]:
    """Every type, field, argument, input field and enum value, by its schema coordinate."""
    for name, of in schema.type_map.items():
        if is_introspection_type(of) or is_specified_scalar_type(of):
            continue
        yield name, of
        match of:
            case GraphQLObjectType() | GraphQLInterfaceType():
                for field_name, field in of.fields.items():
                    yield f"{name}.{field_name}", field
                    for argument_name, argument in field.args.items():
                        yield f"{name}.{field_name}({argument_name}:)", argument
            case GraphQLInputObjectType():
                for field_name, input_field in of.fields.items():
                    yield f"{name}.{field_name}", input_field
            case GraphQLEnumType():
                for value_name, value in of.values.items():
                    yield f"{name}.{value_name}", value


def orders(declared: str | type[enum.Enum]) -> list[str]:
    """The orders of a list: the declared one, or all that a client may choose from."""
    return [declared] if isinstance(declared, str) else [str(member.value) for member in declared]


def _refuse(problems: list[str]) -> None:
    if problems:
        raise WrongDeclaration("Parley does not start, because declarations would give wrong answers:", problems)


def _shared_tables(entities: Iterable[Entity]) -> Iterator[str]:
    known: dict[str, str] = {}
    for entity in entities:
        if (other := known.setdefault(entity.table, entity.name)) != entity.name:
            yield (
                f"{other} and {entity.name} both declare the table {entity.table}, so `node` could not tell which of "
                "them an id belongs to. Keep one of them."
            )


def _ownership_problems(cls: type, entity: Entity) -> Iterator[str]:
    if not entity.is_reference:
        if not issubclass(cls, Node):
            yield f"{entity.name} is no Node. Write `class {entity.name}(Node)`, or `@reference` for data of nobody."
        return
    if issubclass(cls, Node):
        yield (
            f"{entity.name} is reference data, which belongs to nobody, but a Node does. Write `class {entity.name}:`, "
            "with an `id: strawberry.ID` of its own."
        )
    elif entity.kinds.get("id") is not UUID:
        yield f"{entity.name} has no id. Declare `id: strawberry.ID`."
    if hasattr(cls, "__standard__"):
        yield f"{entity.name} is reference data, which no client writes. Remove `standard({entity.name}, …)`."


def _order_problems(where: str, entity: Entity, declared: str | type[enum.Enum]) -> Iterator[str]:
    for order in orders(declared):
        column = order.removeprefix("-")
        begin = f"{where} is ordered by {column}, "
        if column not in entity.kinds:
            yield f"{begin}which {entity.name} does not have. Declare it there: `{column}: strawberry.Private[…]`."
        elif column in entity.nullable:
            yield (
                f"{begin}which may be null: rows without it would be missing after the first page. Order by a column "
                f"that is GENERATED ALWAYS AS (coalesce({column}, …)) STORED."
            )
        elif not can_hold(entity.kinds[column]):
            yield (
                f"{begin}which is {_name(entity.kinds[column])}: no cursor can hold it. Order by a text, a number, a "
                "time, a date, an id, a boolean or an enum."
            )


def _unique_problems(entity: Entity) -> Iterator[str]:
    for column in sorted(entity.unique - entity.kinds.keys()):
        yield f"{entity.name} has no column {column}, which `unique` names. Remove it, or declare the column."


def _link_problems(where: str, entity: Entity, link: Link, target: Entity | None) -> Iterator[str]:
    if entity.kinds.get(link.key, UUID) is not UUID:
        yield (
            f"{where} follows {link.key}, which is {_name(entity.kinds[link.key])}, not an id. Declare it as "
            f"`{link.key}: strawberry.Private[strawberry.ID]`, or follow another column."
        )
    if link.shape == "one" and link.key in entity.nullable:
        yield (
            f"{where} is declared as never null, but {link.key} may be. Write "
            f'`maybe("{link.target}", key="{link.key}")`.'
        )
    if (link.by == "") is (link.through is None):
        yield f"{where} needs either `by`, a column of {link.target}, or `through`, a join table, but not both."
    if target is None:
        yield f"{where} leads to {link.target}, which is not a type in `resolvers/`. Declare it, or name another one."
        return
    if target.is_reference and link.by == "user_id":
        yield f"{where} would list rows of the caller, but {link.target} has none. Write `@root_page({link.target})`."
    elif link.through is None and link.by not in ("", "id", "user_id") and target.kinds.get(link.by) is not UUID:
        yield (
            f"{where} finds rows by {link.by}, which is not an id of {target.name}. Declare it there: "
            f"`{link.by}: strawberry.Private[strawberry.ID]`."
        )
    if link.order is not None:
        yield from _order_problems(where, target, link.order)


def _filter_problems(entity: Entity) -> Iterator[str]:
    if entity.filter is None:
        return
    hints = typing.get_type_hints(entity.filter)
    for attribute in dataclasses.fields(entity.filter):
        where, hint = f"{entity.filter.__name__}.{attribute.name}", hints[attribute.name]
        column, test = filters.tested(entity, attribute.name)
        if column not in entity.kinds:
            yield (
                f"{where} filters by {column}, which {entity.name} does not have. Name the filter after a column. To "
                "compare, append _after, _before, _from or _contains; to ask whether there is a value, prepend has_."
            )
        elif (kind := entity.kinds[column]) is not None:
            yield from _test_problems(where, column, kind, test, hint)
            if test == filters.IS:
                nulls = attribute.default is strawberry.UNSET
                yield from _null_problems(where, column, hint, nulls=nulls, may_be_null=column in entity.nullable)
            elif test == filters.HAS and column not in entity.nullable:
                yield f"{where} asks whether {column} has a value, but it always has one. Remove the filter."


def _test_problems(where: str, column: str, kind: Any, test: str, hint: Any) -> Iterator[str]:
    item = _item(hint)
    if test == filters.HAS:
        if kind_of(hint) is not bool:
            yield f"{where} asks whether {column} has a value. Write `bool | None`."
    elif kind is JSON or _whole(kind_of(item)) is not _whole(kind) or (test != filters.IS and item is not hint):
        yield f"{where} is {_name(kind_of(hint))}, but {column} is {_name(kind)}. Give it the type of the column."
    elif test == filters.CONTAINS:
        if kind is not str:
            yield f"{where} searches for a text in {column}, which is {_name(kind)}. Use another comparison."
    elif test != filters.IS and kind not in _COMPARED:
        yield f"{where} compares {column}, which is {_name(kind)} and has no order. Filter by its value: `{column}`."


def _null_problems(where: str, column: str, hint: Any, *, nulls: bool, may_be_null: bool) -> Iterator[str]:
    item = _item(hint)
    if item is not hint:
        name = _name(kind_of(item))
        if may_be_null and not is_optional(item):
            yield f"{where} cannot ask for rows without {column}. Write `list[{name} | None] | None`."
        if not may_be_null and is_optional(item):
            yield f"{where} accepts null, but {column} is never null. Write `list[{name}] | None`."
    elif may_be_null and not nulls:
        yield f"{where} cannot ask for rows without {column}. Write `= strawberry.UNSET` instead of `= None`."
    elif nulls and not may_be_null:
        yield f"{where} accepts null, but {column} is never null. Write `= None` instead of `= strawberry.UNSET`."


def _input_problems(cls: type, entity: Entity) -> Iterator[str]:
    made: Standard | None = getattr(cls, "__standard__", None)
    hints = typing.get_type_hints(made.input) if made else {}
    for name, hint in hints.items():
        where = f"{made.input.__name__}.{name}" if made else name
        if name not in entity.kinds:
            yield f"{where} is not a column of {entity.name}. Remove it, or declare the column."
        elif entity.kinds[name] not in (None, kind_of(hint)):
            yield (
                f"{where} is {_name(kind_of(hint))}, but {entity.name}.{name} is {_name(entity.kinds[name])}. "
                "Give it the type of the column."
            )


def _event_problems(cls: type) -> Iterator[str]:
    described = event_of(cls)
    for name, hint in typing.get_type_hints(cls).items():
        kind = kind_of(hint)
        if name not in OF_CHANGE and kind not in _IN_JSON and name not in described.enums:
            yield (
                f"{cls.__name__}.{name} is {_name(kind)}, which the feed stores as text. "
                "Link to the row, and read it there."
            )


def _item(hint: Any) -> Any:
    """The item type of a list's annotation, or the annotation itself if it is not a list."""
    inner = kind_of(hint)
    return typing.get_args(inner)[0] if typing.get_origin(inner) is list else hint


def _whole(kind: Any) -> Any:
    return int if kind is BigInt else kind


def _name(kind: Any) -> str:
    return "ID" if kind is UUID else getattr(kind, "__name__", str(kind))
