"""Check the declarations against the database when a gateway starts.

If they disagreed, lists would repeat or lose rows, links would read whole tables, and subscriptions would miss events.
What can be checked without the database is checked earlier (`gateway.schema.declaration`).
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import itertools
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from graphql import GraphQLObjectType, GraphQLSchema

from gateway.data.entity import Entity, Link
from gateway.data.setup.catalogue import Index, Table
from gateway.schema.declaration import orders
from gateway.schema.fields.event import Event
from gateway.schema.fields.link_field import LinkTarget
from gateway.schema.objects import filter as filters
from gateway.schema.objects.level import level_resolver_of
from gateway.schema.types.scalars import JSON, BigInt
from gateway.schema.types.wrong_declaration import WrongDeclaration

HELD_AS: dict[Any, tuple[str, ...]] = {
    UUID: ("uuid",),
    int: ("integer",),
    BigInt: ("bigint", "integer"),
    float: ("double precision",),
    bool: ("boolean",),
    str: ("text", "character varying"),
    JSON: ("jsonb",),
    datetime.datetime: ("timestamp with time zone",),
    datetime.date: ("date",),
    decimal.Decimal: ("numeric",),
}
"""The PostgreSQL types that can hold each declared type, the usual one first."""


def refuse_disagreement(schema: GraphQLSchema, tables: Mapping[str, Table]) -> None:
    """Raise `WrongDeclaration` with all disagreements, and what to write instead."""
    problems = [*disagreements(*declared(schema), tables), *_root_problems(schema, tables)]
    if problems:
        raise WrongDeclaration("Parley does not start, because declarations disagree with the database:", problems)


def disagreements(
    entities: Mapping[str, Entity], events: Mapping[str, Event], tables: Mapping[str, Table]
) -> Iterator[str]:
    """All disagreements of entities and events, which are given by name."""
    for entity in entities.values():
        table = tables.get(entity.table)
        if table is None:
            yield f"{entity.name} declares the table {entity.table}, which does not exist. Write its migration."
            continue
        yield from _ownership_problems(entity, table)
        yield from _column_problems(entity, table)
        for name, link in entity.links.items():
            yield from _link_problems(f"{entity.name}.{name}", link, table, entities[link.target], tables)
    for name, event in events.items():
        yield from _event_problems(name, event, tables)


def declared(schema: GraphQLSchema) -> tuple[dict[str, Entity], dict[str, Event]]:
    types = [of for of in schema.type_map.values() if isinstance(of, GraphQLObjectType)]
    made = [(of.name, of.extensions.get("strawberry-definition")) for of in types]
    origins = {name: definition.origin for name, definition in made if definition is not None}
    return (
        {name: origin.__entity__ for name, origin in origins.items() if hasattr(origin, "__entity__")},
        {name: origin.__event__ for name, origin in origins.items() if hasattr(origin, "__event__")},
    )


def _root_problems(schema: GraphQLSchema, tables: Mapping[str, Table]) -> Iterator[str]:
    """Disagreements of the lists that are fields of Query."""
    for name, field in (schema.query_type.fields if schema.query_type else {}).items():
        resolver = level_resolver_of(field)
        if not isinstance(resolver, LinkTarget) or (table := tables.get(resolver.entity.table)) is None:
            continue
        where, entity = f"Query.{name}", resolver.entity
        for column in (order.removeprefix("-") for order in orders(entity.order)):
            yield from _order_problems(where, column, entity.table, "", table, entity, resolver.link)
            first = () if table.is_reference else ("user_id",)
            attributes = dataclasses.fields(entity.filter) if entity.filter else ()
            narrowed = {filters.tested(entity, each.name)[0] for each in attributes}
            if column in table.columns and not any(
                index.columns[: len(first) + 1] == (*first, column)
                or index.columns[: len(first) + 2] in {(*first, one, column) for one in narrowed}
                for index in table.indexes
            ):
                yield (
                    f"{where} would sort the whole table {entity.table} by {column}. CREATE INDEX ON {entity.table} "
                    f"({', '.join((*first, column, 'id'))}) in a migration."
                )


def _ownership_problems(entity: Entity, table: Table) -> Iterator[str]:
    if entity.is_reference and "user_id" in table.columns:
        yield (
            f"{entity.name} is declared as reference data, but rows of {entity.table} belong to users. Declare it with "
            f'`@entity("{entity.table}")`.'
        )
    elif entity.is_reference and not table.is_reference:
        yield (
            f"{entity.name} is reference data, but {entity.table} is no reference table. Write "
            f"SELECT reference_table('{entity.table}') in its migration."
        )
    elif not entity.is_reference and "user_id" not in table.columns:
        yield (
            f"{entity.name} declares {entity.table}, which has no user_id. Make it a table of users' rows with "
            f'tenant_table(), or declare it with `@reference("{entity.table}")`.'
        )


def _column_problems(entity: Entity, table: Table) -> Iterator[str]:
    shown = {columns[0] for columns in entity.fields.values() if len(columns) == 1}
    for column, kind in entity.kinds.items():
        where, held = f"{entity.name}.{column}", table.columns.get(column)
        if held is None:
            yield f"{where} is not a column of {entity.table}. Add it in a migration, or remove it from the type."
        elif column in shown and kind is not None:
            yield from _kind_problems(where, kind, entity.table, column, held.type)
            if not held.required and column not in entity.nullable and kind is not UUID:
                yield (
                    f"{where} is declared as never null, but {entity.table}.{column} may be. Write `… | None`, or make "
                    "the column NOT NULL."
                )


def _kind_problems(where: str, kind: Any, table: str, column: str, held_as: str) -> Iterator[str]:
    is_enum = isinstance(kind, type) and issubclass(kind, enum.Enum)
    fitting = HELD_AS[str] if is_enum else HELD_AS.get(kind, ())
    if held_as not in fitting:
        usual = f"make the column {fitting[0]}" if fitting else "declare another type"
        yield f"{where}: {table}.{column} is {held_as}. Declare it with that type, or {usual}."


def _link_problems(where: str, link: Link, table: Table, target: Entity, tables: Mapping[str, Table]) -> Iterator[str]:
    held, to = table.columns.get(link.key), tables.get(target.table)
    if held is None or to is None:
        return
    if held.type != "uuid":
        yield f"{where} follows {link.key}, which is {held.type}, not uuid. Follow a column that holds an id."
    if link.shape == "one" and not held.required:
        yield (
            f"{where} is declared as never null, but {link.key} may be. Write "
            f'`maybe("{link.target}", key="{link.key}")`.'
        )
    if link.shape in ("one", "maybe"):
        yield from _single_problems(where, link, target, to)
        return
    by, name, between = link.by, target.table, to
    if link.through is not None:
        by, name = link.through.by, link.through.table
        if (join_table := tables.get(name)) is None:
            yield f"{where} goes through the table {name}, which does not exist. Write its migration."
            return
        between = join_table
        if link.through.to not in between.columns:
            yield f"{where} goes through {name}, which has no column {link.through.to}."
            return
    if by not in between.columns:
        yield f"{where} finds rows by {name}.{by}, which does not exist. Add it in a migration, or name another column."
        return
    yield from _index_problems(where, name, by, between, deletable=target.deletable and link.through is None)
    for order in orders(link.order or target.order):
        yield from _order_problems(where, order.removeprefix("-"), name, by, between, target, link)


def _single_problems(where: str, link: Link, target: Entity, to: Table) -> Iterator[str]:
    if link.by not in to.columns:
        yield f"{where} finds a row by {target.table}.{link.by}, which does not exist. Name another column."
    elif not any(
        index.unique and index.condition is None and set(index.columns) <= {"user_id", link.by} for index in to.indexes
    ):
        yield (
            f"{where} leads to at most one row, but several rows of {target.table} may have the same {link.by}. Write "
            f"`page`, or add UNIQUE (user_id, {link.by})."
        )


def _index_problems(where: str, name: str, by: str, table: Table, *, deletable: bool) -> Iterator[str]:
    if table.is_reference:
        first: tuple[str, ...] = (by,)
    else:
        first = ("user_id",) if by == "user_id" else ("user_id", by)
    if not any(
        index.columns[: len(first)] == first and _holds(index, by, deletable=deletable) for index in table.indexes
    ):
        yield (
            f"{where} would read the whole table {name}. CREATE INDEX ON {name} ({', '.join(first)}, …) in a "
            "migration, followed by the columns of the order."
        )


def _holds(index: Index, by: str, *, deletable: bool) -> bool:
    """Whether an index contains all rows of the lists."""
    known = {f"({by} IS NOT NULL)", *(["(deleted_at IS NULL)"] if deletable else [])}
    both = {f"({' AND '.join(order)})" for order in itertools.permutations(known)}
    return index.condition is None or index.condition in known | both


def _order_problems(
    where: str, column: str, name: str, by: str, between: Table, target: Entity, link: Link
) -> Iterator[str]:
    begin, held = f"{where} is ordered by {column}, ", between.columns.get(column)
    if held is None:
        yield (
            f"{begin}which {name} does not have. Add it there and keep it equal to that of {target.table}, or order "
            f'the link by a column of {name}: page(…, order="…").'
        )
        return
    if not held.required:
        yield (
            f"{begin}which may be null: rows without it would be missing after the first page. Make the column NOT "
            f"NULL, or order by one that is GENERATED ALWAYS AS (coalesce({column}, …)) STORED."
        )
    if column in target.kinds:
        yield from _kind_problems(f"{where}, in its order", target.kinds[column], name, column, held.type)
    if link.through is None and column in target.unique:
        known = between.determined_by(by) | {column}
        if not any(
            index.unique and index.condition is None and column in index.columns and set(index.columns) <= known
            for index in between.indexes
        ):
            yield (
                f"{begin}which {target.name} declares as unique in every list, but rows of {name} with the same {by} "
                f"may share it. Add UNIQUE (user_id, {by}, {column}), or remove it from `unique`."
            )


def _event_problems(name: str, event: Event, tables: Mapping[str, Table]) -> Iterator[str]:
    table = tables.get(event.entity)
    if table is None:
        yield f"{name} is an event of the table {event.entity}, which does not exist. Write its migration."
        return
    for column in sorted(event.carried - table.carried):
        yield (
            f"{name} needs {column}, which the feed of {event.entity} does not carry. Write "
            f"SELECT tenant_table('{event.entity}', carry => '{{{column}, …}}') in its migration."
        )
