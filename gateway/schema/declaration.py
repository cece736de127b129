"""Check declarations when the schema is built, and refuse those that would build but give wrong answers.

What needs the database, such as whether an index serves a link, is checked when a gateway starts
(`gateway.schema.agreement`).
"""

from __future__ import annotations

import datetime
import decimal
import enum
import typing
from collections.abc import Collection, Iterable, Iterator, Mapping
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

from gateway.data.entity import AnyLink, Entity, Link, entity_of, order_columns
from gateway.schema.fields.event import OF_CHANGE, event_of
from gateway.schema.fields.standard import Standard
from gateway.schema.objects import filter as filters
from gateway.schema.objects.entity import Node
from gateway.schema.objects.level import level_resolver_of
from gateway.schema.types import json_list
from gateway.schema.types.cursor import can_hold
from gateway.schema.types.hint import is_optional, item_of, kind_of
from gateway.schema.types.scalars import JSON, BigInt, Cursor
from gateway.schema.types.typing import links_of
from gateway.schema.types.wrong_declaration import WrongDeclaration

_COMPARED = {int, BigInt, float, decimal.Decimal, datetime.datetime, datetime.date, str}
"""Column types that have an order, so that filters can compare them."""

_IN_JSON = {str, int, BigInt, float, bool, JSON, UUID, Cursor}
"""Types that the feed stores as they are, or as text that is converted back."""


def refuse_wrong(entities: Mapping[str, type], events: Iterable[type], linking: Iterable[type] = ()) -> None:
    """Raise `WrongDeclaration` with all problems, and what to write instead.

    `linking` are the object types that are neither entities nor events and have links.
    """
    described = {name: entity_of(cls) for name, cls in entities.items()}
    problems = list(_shared_tables(described.values()))
    for name, cls in entities.items():
        problems += _ownership_problems(cls, described[name])
        problems += _order_problems(name, described[name], described[name].order)
        problems += _unique_problems(described[name])
        problems += _list_problems(described[name])
        problems += _filter_problems(described[name])
        problems += _input_problems(cls, described[name])
        for where, link in described[name].lists_and_links():
            problems += _link_problems(where, described[name], link, described.get(link.target))
        problems += _any_link_problems(name, described[name].any_links, described[name].kinds)
    for event in events:
        problems += _event_problems(event)
    for cls in linking:
        problems += _linking_problems(cls, entities)
    _refuse(problems)


def refuse_wrong_values(schema: GraphQLSchema) -> None:
    """Raise `WrongDeclaration` with all problems of object types that are neither entities nor events."""
    problems: list[str] = []
    for name, of in schema.type_map.items():
        cls = getattr(of.extensions.get("strawberry-definition"), "origin", None)
        if not isinstance(of, GraphQLObjectType) or cls is None or _is_described(cls):
            continue
        resolvers = {key: level_resolver_of(field) for key, field in of.fields.items()}
        if any_links := {key: link for key, link in resolvers.items() if isinstance(link, AnyLink)}:
            kinds = {key: kind_of(hint) for key, hint in typing.get_type_hints(cls).items()}
            problems += _any_link_problems(name, any_links, kinds)
    _refuse(problems)


def _is_described(cls: type) -> bool:
    return hasattr(cls, "__entity__") or hasattr(cls, "__event__")


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
        columns = [column for column, _ in order_columns(order)]
        for column in columns:
            begin = f"{where} is ordered by {column}, "
            if not column:
                yield f"{where} is ordered by {order!r}, which names an empty column. Write `-a, b` for two columns."
            elif column not in entity.kinds:
                yield f"{begin}which {entity.name} does not have. Declare it there: `{column}: strawberry.Private[…]`."
            elif not can_hold(entity.kinds[column]):
                yield (
                    f"{begin}which is {_name(entity.kinds[column])}: no cursor can hold it. Order by a text, a number, "
                    "a time, a date, an id, a boolean or an enum."
                )
        for column in sorted({column for column in columns if columns.count(column) > 1}):
            yield f"{where} is ordered by {column} twice, in {order!r}. Name it once."


def _unique_problems(entity: Entity) -> Iterator[str]:
    for column in sorted(entity.unique - entity.kinds.keys()):
        yield f"{entity.name} has no column {column}, which `unique` names. Remove it, or declare the column."


def _list_problems(entity: Entity) -> Iterator[str]:
    for column, kind in entity.kinds.items():
        if problem := json_list.problem_of(kind):
            yield f"{entity.name}.{column} is a list {problem}."


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
    if (link.by == "") is (link.through is None) and not link.lists_all and link.query is None:
        yield f"{where} needs either `by`, a column of {link.target}, or `through`, a join table, but not both."
    if target is None:
        yield f"{where} leads to {link.target}, which is not a type in `resolvers/`. Declare it, or name another one."
        return
    if target.one_per_user and link.shape != "one":
        yield (
            f"{where} is a {link.shape} of {link.target}, of which each user has exactly one. Write "
            f'`one("{link.target}", by="user_id")` in the type of users.'
        )
    if link.shape == "one" and link.by != "id" and not (target.one_per_user and entity.table == "users"):
        instead = f'Write `maybe("{link.target}", by="{link.by}")`.'
        if target.one_per_user:
            instead = "Link to it from the type of users."
        yield f"{where} is declared as never null, but nothing says that each {entity.name} has one. {instead}"
    if target.is_reference and link.by == "user_id":
        yield f"{where} would list rows of the caller, but {link.target} has none. Write `root_page({link.target})`."
    elif link.through is None and link.by not in ("", "id", "user_id") and target.kinds.get(link.by) is not UUID:
        yield (
            f"{where} finds rows by {link.by}, which is not an id of {target.name}. Declare it there: "
            f"`{link.by}: strawberry.Private[strawberry.ID]`."
        )
    if link.order is not None:
        yield from _order_problems(where, target, link.order)


def _any_link_problems(owner: str, links: Mapping[str, AnyLink], kinds: Mapping[str, Any]) -> Iterator[str]:
    for name, link in links.items():
        for attribute, wanted, hint, holds in (
            (link.entity, str, "str", "the name of a table"),
            (link.key, UUID, "strawberry.ID", "an id"),
        ):
            where = f"{owner}.{name} needs {attribute}, which holds {holds}"
            if attribute not in kinds:
                yield f"{where}, but is not declared. Declare it: `{attribute}: strawberry.Private[{hint}]`."
            elif kinds[attribute] not in (wanted, None):
                yield f"{where}, but is {_name(kinds[attribute])}. Declare it as `strawberry.Private[{hint}]`."


def _filter_problems(entity: Entity) -> Iterator[str]:
    if entity.filter is None:
        return
    hints = typing.get_type_hints(entity.filter)
    joined = filters.join_tables(entity)
    for each in filters.attributes(entity, entity.filter):
        where, hint, column = f"{entity.filter.__name__}.{each.name}", hints[each.name], each.column
        if each.through is not None:
            yield from _related_problems(where, column, each.test, hint, len(joined[column]))
        elif column not in entity.kinds:
            yield (
                f"{where} filters by {column}, which {entity.name} does not have. Name the filter after a column, or "
                "after the column of a join table that a link goes through. To compare, append _after, _from, _before, "
                "_until, _contains or _includes; to ask whether there is a value, prepend has_."
            )
        elif (kind := entity.kinds[column]) is not None:
            yield from _test_problems(where, column, kind, each.test, hint)
            if each.test == filters.IS:
                yield from _null_problems(
                    where, column, hint, nulls=each.null_asks, may_be_null=column in entity.nullable
                )
            elif each.test == filters.HAS and column not in entity.nullable:
                yield f"{where} asks whether {column} has a value, but it always has one. Remove the filter."


def _related_problems(where: str, column: str, test: str, hint: Any, tables: int) -> Iterator[str]:
    if tables > 1:
        yield f"{where} is a column of several join tables. Rename the column in all of them but one."
    elif test == filters.HAS:
        if kind_of(hint) is not bool:
            yield f"{where} asks whether there is any {column}. Write `bool | None`."
    elif test != filters.IS or kind_of(hint) != list[strawberry.ID]:
        yield f"{where} finds what a join table joins to {column}. Name it {column}, as `list[strawberry.ID] | None`."


def _test_problems(where: str, column: str, kind: Any, test: str, hint: Any) -> Iterator[str]:
    item = _item(hint)
    if test == filters.HAS:
        if kind_of(hint) is not bool:
            yield f"{where} asks whether {column} has a value. Write `bool | None`."
    elif test == filters.INCLUDES:
        if not _is_list_of_texts(kind):
            yield f"{where} searches in a list, but {column} is {_name(kind)}. Use another comparison."
        elif kind_of(hint) != list[str]:
            yield f"{where} looks for any of several texts. Write `list[str] | None`."
    elif kind is JSON or _whole(kind_of(item)) is not _whole(kind) or (test != filters.IS and item is not hint):
        yield f"{where} is {_name(kind_of(hint))}, but {column} is {_name(kind)}. Give it the type of the column."
    elif test == filters.CONTAINS:
        if kind is not str:
            yield f"{where} searches for a text in {column}, which is {_name(kind)}. Use another comparison."
    elif test != filters.IS and kind not in _COMPARED:
        yield f"{where} compares {column}, which is {_name(kind)} and has no order. Filter by its value: `{column}`."


def _is_list_of_texts(kind: Any) -> bool:
    return kind is JSON or kind == list[str]


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
    if made and made.within and entity.one_per_user:
        yield f"{entity.name} is declared within={made.within!r}, but each user has only one. Remove `within`."
    for name, hint in hints.items():
        where = f"{made.input.__name__}.{name}" if made else name
        if name in entity.secrets:
            if hint is not str:
                yield f"{where} is a secret, which is always a text that is needed. Declare it as str."
        elif name not in entity.kinds:
            yield f"{where} is not a column of {entity.name}. Remove it, or declare the column."
        elif (kind := entity.kinds[name]) is not None and not json_list.takes(kind, kind_of(hint)):
            item = kind_of(item_of(kind))
            what = "it the type of the column"
            if json_list.is_class(item):
                what = f"its items the required attributes of {item.__name__}, and no other attributes than it has"
            yield f"{where} is {_name(kind_of(hint))}, but {entity.name}.{name} is {_name(kind)}. Give {what}."


def _event_problems(cls: type) -> Iterator[str]:
    described = event_of(cls)
    kinds = {name: kind_of(hint) for name, hint in typing.get_type_hints(cls).items()}
    carried = dict.fromkeys(described.carried | OF_CHANGE)
    yield from _any_link_problems(cls.__name__, described.any_links, {**carried, **kinds})
    for name, kind in kinds.items():
        if name not in OF_CHANGE and kind not in _IN_JSON and name not in described.enums:
            yield (
                f"{cls.__name__}.{name} is {_name(kind)}, which the feed stores as text. "
                "Link to the row, and read it there."
            )


def _linking_problems(cls: type, entities: Collection[str]) -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    for name, link in links_of(cls).items():
        where = f"{cls.__name__}.{name}"
        if link.target not in entities:
            yield f"{where} leads to {link.target}, which is not a type in `resolvers/`. Declare it, or name another."
        if link.key not in hints or kind_of(hints[link.key]) is not UUID:
            yield (
                f"{where} follows {link.key}, which is no attribute that holds an id. Declare it as "
                f"`{link.key}: strawberry.Private[strawberry.ID]`."
            )


def _item(hint: Any) -> Any:
    """The item type of a list's annotation, or the annotation itself if it is not a list."""
    inner = kind_of(hint)
    return typing.get_args(inner)[0] if typing.get_origin(inner) is list else hint


def _whole(kind: Any) -> Any:
    return int if kind is BigInt else kind


def _name(kind: Any) -> str:
    if (item := item_of(kind)) is not None:
        return f"list[{_name(kind_of(item))}]"
    return "ID" if kind is UUID else getattr(kind, "__name__", str(kind))
