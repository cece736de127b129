"""Check the declarations against the database when a gateway starts.

If they disagreed, lists would repeat or lose rows, links would read whole tables, and subscriptions would miss events.
What can be checked without the database is checked earlier (`gateway.schema.declaration`).
"""

from __future__ import annotations

import datetime
import decimal
import enum
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from graphql import GraphQLObjectType, GraphQLSchema

from gateway.data.clauses.secret import generation_of
from gateway.data.entity import AnyLink, Entity, Link
from gateway.data.setup.catalogue import Column, Table
from gateway.data.setup.roles import RUNTIME
from gateway.data.statements import Through
from gateway.schema.declaration import orders
from gateway.schema.fields.event import Event
from gateway.schema.listing import Listing, holds_all
from gateway.schema.objects import filter as filters
from gateway.schema.types.hint import item_of
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
    if problems := list(disagreements(*declared(schema), tables)):
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
        if entity.one_per_user and entity.table != "users" and not table.completes_users:
            yield (
                f"{entity.name} is declared one_per_user, but new users get no row of {entity.table}. Write "
                f"SELECT one_per_user('{entity.table}') in its migration, instead of tenant_table()."
            )
        if table.completes_users and not entity.one_per_user:
            yield (
                f"{entity.name}: each user has exactly one row of {entity.table}, which nobody else can insert. Write "
                f'@entity("{entity.table}", one_per_user=True).'
            )
        for name, any_link in entity.any_links.items():
            yield from _any_link_problems(f"{entity.name}.{name}", any_link, entity.table, table)
        for where, link in entity.lists_and_links():
            yield from _link_problems(where, link, table, entities[link.target], tables)
        for name in sorted(entity.changed_lists):
            yield from _joined_problems(entity, name, entities[entity.links[name].target].table, tables)
        yield from _filter_problems(entity, tables)
        yield from _input_problems(entity, table)
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
            if item_of(kind) is not None and held.type == "jsonb" and column not in table.lists:
                limits = "length => …" if item_of(kind) is str else "members => …"
                yield (
                    f"{where} is a list without limits. Write SELECT add_list_rule('{entity.table}', '{column}', "
                    f"most => …, {limits}) in its migration."
                )
            if not held.required and column not in entity.nullable and kind is not UUID:
                yield (
                    f"{where} is declared as never null, but {entity.table}.{column} may be. Write `… | None`, or make "
                    "the column NOT NULL."
                )


def _kind_problems(where: str, kind: Any, table: str, column: str, held_as: str) -> Iterator[str]:
    is_enum = isinstance(kind, type) and issubclass(kind, enum.Enum)
    fitting = HELD_AS[str] if is_enum else HELD_AS[JSON] if item_of(kind) is not None else HELD_AS.get(kind, ())
    if held_as not in fitting:
        usual = f"make the column {fitting[0]}" if fitting else "declare another type"
        yield f"{where}: {table}.{column} is {held_as}. Declare it with that type, or {usual}."


def _range_problems(where: str, kind: Any, table: str, column: str, held_as: str) -> Iterator[str]:
    """Values that a client sends are compared with the column, so it must be able to hold them."""
    if kind is BigInt and held_as != "bigint":
        yield (
            f"{where}: {table}.{column} is {held_as}, which cannot hold every BigInt that a client may send. Declare "
            "it as int, or make the column bigint."
        )


def _link_problems(where: str, link: Link, table: Table, target: Entity, tables: Mapping[str, Table]) -> Iterator[str]:
    held, to = table.columns.get(link.key), tables.get(target.table)
    if to is None or (held is None and not link.lists_all):
        return
    if held is not None:
        yield from _key_problems(where, link, held)
    if link.query is not None:
        return
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
    if by not in between.columns and not link.lists_all:
        yield f"{where} finds rows by {name}.{by}, which does not exist. Add it in a migration, or name another column."
        return
    if link.through is not None:
        yield from _deletable_problems(where, link.through, between)
    deletable = target.deletable if link.through is None else "deleted_at" in between.columns
    for order in orders(link.order or target.order):
        listing = Listing(where, target, link, order, name, by, between, deletable)
        problems = [*listing.column_problems(), *listing.unique_problems()]
        for column, kind, on in listing.kinds():
            problems += _kind_problems(f"{where}, in its order", kind, name, column, on.type)
            problems += _range_problems(f"{where}, in its order", kind, name, column, on.type)
        yield from problems or listing.index_problems()


def _key_problems(where: str, link: Link, held: Column) -> Iterator[str]:
    if held.type != "uuid":
        yield f"{where} follows {link.key}, which is {held.type}, not uuid. Follow a column that holds an id."
    if link.shape == "one" and not held.required:
        yield (
            f"{where} is declared as never null, but {link.key} may be. Write "
            f'`maybe("{link.target}", key="{link.key}")`.'
        )


def _deletable_problems(where: str, through: Through, table: Table) -> Iterator[str]:
    if through.deletable is not ("deleted_at" in table.columns):
        right = ", deletable=True" if "deleted_at" in table.columns else ""
        has = "has" if "deleted_at" in table.columns else "does not have"
        columns = f'"{through.table}", "{through.by}", "{through.to}"'
        yield f"{where} goes through {through.table}, which {has} deleted_at. Write Through({columns}{right})."


def _joined_problems(entity: Entity, name: str, target: str, tables: Mapping[str, Table]) -> Iterator[str]:
    through = entity.links[name].through
    assert through is not None  # noqa: S101 - only lists through join tables are changed
    table = tables.get(through.table)
    if table is not None and table.joins != (through.by, through.to):
        columns = f"'{through.by}', '{entity.table}', '{through.to}', '{target}'"
        yield (
            f"{entity.name}.{name} is changed by mutations, but no function of the database changes {through.table} "
            f"for {entity.table}. Write SELECT join_table('{through.table}', {columns}) in its migration."
        )


def _filter_problems(entity: Entity, tables: Mapping[str, Table]) -> Iterator[str]:
    for each in filters.attributes(entity, entity.filter) if entity.filter is not None else ():
        if each.through is None:
            where = f"{entity.name}'s filter {each.name}"
            held = tables[entity.table].columns.get(each.column)
            if held is not None and each.test == filters.INCLUDES and held.type != "jsonb":
                yield f"{where} searches in a list, but {entity.table}.{each.column} is {held.type}. Make it jsonb."
            elif held is not None:
                yield from _range_problems(where, entity.kinds[each.column], entity.table, each.column, held.type)
            continue
        name, by, to = each.through.table, each.through.by, each.through.to
        table = tables.get(name, Table())
        ways = {("user_id", by, to), ("user_id", to, by)}
        deletable = each.through.deletable
        if table.columns and not any(
            index.columns[:3] in ways and holds_all(index, by, deletable=deletable) for index in table.indexes
        ):
            yield (
                f"{entity.name}'s filter {each.name} would read all rows that {name} has for each row of a list. "
                f"CREATE INDEX ON {name} (user_id, {by}, {to}) in a migration."
            )


PRIVILEGES = {"create": "INSERT", "update": "UPDATE"}


def _input_problems(entity: Entity, table: Table) -> Iterator[str]:
    for column in sorted(entity.secrets):
        if generation_of(column) not in table.columns:
            yield (
                f"{entity.name}Input.{column} is a secret, but {entity.table} has no such column that seals it. Write "
                f"SELECT add_secret('{entity.table}', '{column}') in its migration."
            )
    for verb, columns in entity.inputs.items():
        for column in columns:
            where, held = f"{verb.title()}{entity.name}Input.{column}", table.columns.get(column)
            if held is None:
                continue
            if held.generated is not None:
                yield f"{where} sets {entity.table}.{column}, which is a generated column. Remove it from the input."
            elif (privilege := PRIVILEGES[verb]) in held.withheld:
                yield (
                    f"{where} sets {entity.table}.{column}, on which the serving role has no {privilege}: triggers "
                    "keep it (add_rollup, feed_spares), or it was added after these. Remove it from the input. If "
                    f"clients may set it, write GRANT {privilege} ({column}) ON {entity.table} TO {RUNTIME} in a "
                    "migration."
                )


def _any_link_problems(where: str, link: AnyLink, name: str, table: Table) -> Iterator[str]:
    for column, kind in ((link.entity, str), (link.key, UUID)):
        if (held := table.columns.get(column)) is not None:
            yield from _kind_problems(where, kind, name, column, held.type)


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


def _event_problems(name: str, event: Event, tables: Mapping[str, Table]) -> Iterator[str]:
    if event.entity is None:
        return
    table = tables.get(event.entity)
    if table is None:
        yield f"{name} is an event of the table {event.entity}, which does not exist. Write its migration."
        return
    if not table.in_feed:
        yield (
            f"{name} is an event of {event.entity}, but the feed does not tell of a quiet table. Write "
            'standard(…, without=("changed",)), or tell of its parent.'
        )
        return
    for column in sorted(event.carried - table.carried):
        yield (
            f"{name} needs {column}, which the feed of {event.entity} does not carry. Write "
            f"SELECT tenant_table('{event.entity}', carry => '{{{column}, …}}') in its migration."
        )
