"""The declared types of columns and links agree with the database.

The breadth-first executor relies on it: it does not check non-null columns for nulls, it serialises a column's value by
the API's type, and it takes the rows that a link finds as proof that their parent exists.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from graphql import GraphQLNonNull, GraphQLObjectType

from gateway.data.entity import Entity, Link
from gateway.schema.objects.level import definition_of
from gateway.schema.types.hint import item_of
from gateway.schema.types.scalars import JSON, BigInt
from tests.kit.database import Database
from tests.kit.schema import graphql_schema

HELD_AS: dict[Any, set[str]] = {
    UUID: {"uuid"},
    int: {"integer", "smallint"},
    BigInt: {"bigint", "integer"},
    float: {"double precision", "real"},
    bool: {"boolean"},
    str: {"text"},
    JSON: {"jsonb"},
    datetime.datetime: {"timestamp with time zone"},
    datetime.date: {"date"},
    decimal.Decimal: {"numeric"},
}

COLUMNS = """
SELECT column_name, data_type, is_nullable = 'YES' AS nullable
FROM information_schema.columns
WHERE table_schema = 'parley' AND table_name = $1
"""

KEYS = """
SELECT con.oid, child.relname AS child, parent.relname AS parent, held.attname AS held, named.attname AS named,
    held.attnotnull AS required
FROM pg_constraint AS con
JOIN pg_class AS child ON child.oid = con.conrelid
JOIN pg_class AS parent ON parent.oid = con.confrelid
CROSS JOIN unnest(con.conkey, con.confkey) AS pair (held, named)
JOIN pg_attribute AS held ON held.attrelid = con.conrelid AND held.attnum = pair.held
JOIN pg_attribute AS named ON named.attrelid = con.confrelid AND named.attnum = pair.named
WHERE con.contype = 'f' AND con.connamespace = 'parley'::regnamespace
    -- Triggers enforce this one, as `test_write_path.py` tests.
    AND (con.convalidated OR con.conname = 'messages_conversation_id_exists')
"""


def entities() -> list[tuple[GraphQLObjectType, Entity]]:
    """The types of the schema that are tables, with their entities."""
    types = [of for of in graphql_schema().type_map.values() if isinstance(of, GraphQLObjectType)]
    origins = [(of, of.extensions.get("strawberry-definition")) for of in types]
    return [(of, made.origin.__entity__) for of, made in origins if made and hasattr(made.origin, "__entity__")]


def plain_columns(of: GraphQLObjectType, entity: Entity) -> dict[str, tuple[str, bool]]:
    """The fields of a type that are columns, each with its column and whether the API declares it non-null."""
    columns = {}
    for name, field in of.fields.items():
        definition = definition_of(field)
        if definition is not None and definition.base_resolver is None:
            (column,) = entity.fields[name]
            columns[name] = column, isinstance(field.type, GraphQLNonNull)
    return columns


@pytest.mark.parametrize(("of", "entity"), entities(), ids=[of.name for of, _ in entities()])
async def test_columns_are_held_as_the_api_shows_them(
    database: Database, of: GraphQLObjectType, entity: Entity
) -> None:
    owner = await asyncpg.connect(database.owner_url)
    try:
        columns = {row["column_name"]: row for row in await owner.fetch(COLUMNS, entity.table)}
    finally:
        await owner.close()
    for field, (column, required) in plain_columns(of, entity).items():
        held, kind = columns[column], entity.kinds[column]
        allowed = (
            {"text"}
            if isinstance(kind, type) and issubclass(kind, enum.Enum)
            else HELD_AS[JSON if item_of(kind) else kind]
        )
        assert held["data_type"] in allowed, f"{of.name}.{field} cannot be stored as {held['data_type']}"
        assert not (required and held["nullable"]), f"{of.name}.{field} is non-null, but its column may be null"


CHECKS = """
SELECT pg_get_expr(conbin, conrelid) AS condition
FROM pg_constraint
WHERE contype = 'c' AND conrelid = $1::text::regclass
    AND conkey = (SELECT ARRAY[attnum] FROM pg_attribute WHERE attrelid = conrelid AND attname = $2)
"""
ACCEPTS_OTHERS = {
    "tool_transitions.from_status": "a trigger writes it, from tool_executions.status",
    "tool_transitions.to_status": "a trigger writes it, from tool_executions.status",
    "jobs.kind": "the handlers of jobs declare the names",
    "usage_quotas.set_by": "agents set none",
    "usage_reservations.status": "the others are computed when it is read",
}
"""Columns whose CHECK does not list the values of their enumeration, and why."""
LISTED = re.compile(r"'([^']*)'::text")


def enumerations() -> list[tuple[str, str, type[enum.Enum]]]:
    """The table, the column and the enumeration of each column that has one."""
    return [
        (entity.table, column, kind)
        for _, entity in entities()
        for column, kind in entity.kinds.items()
        if isinstance(kind, type) and issubclass(kind, enum.Enum)
    ]


@pytest.mark.parametrize(("table", "column", "kind"), enumerations(), ids=[f"{e[0]}.{e[1]}" for e in enumerations()])
async def test_an_enumeration_has_the_values_that_the_database_accepts(
    superuser: asyncpg.Connection, table: str, column: str, kind: type[enum.Enum]
) -> None:
    """Otherwise reading one of them would fail, or writing it."""
    checks = [row["condition"] for row in await superuser.fetch(CHECKS, table, column)]
    accepted = [set(LISTED.findall(check)) for check in checks if "ANY (ARRAY[" in check]
    known = {member.value for member in kind}
    if f"{table}.{column}" in ACCEPTS_OTHERS:
        assert accepted != [known], "it does list them"
        assert set().union(*accepted) <= known
    else:
        assert accepted == [known], f"the CHECK of {table}.{column} differs from {kind.__module__}.{kind.__name__}"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key of the database."""

    child: str
    parent: str
    columns: frozenset[tuple[str, str]]
    """Pairs of a column of the child and the column of the parent that it references."""
    nullable: frozenset[str]
    """Columns of the child that may be null. If one of them is null, PostgreSQL does not check the others."""

    def proves(self, *columns: tuple[str, str]) -> bool:
        """Whether a row of the child with values in these columns cannot exist without its parent."""
        return self.columns.issuperset(columns) and self.nullable.issubset(held for held, _ in columns)


async def foreign_keys(database: Database) -> list[ForeignKey]:
    """All foreign keys of the database."""
    owner = await asyncpg.connect(database.owner_url)
    try:
        rows = await owner.fetch(KEYS)
    finally:
        await owner.close()
    grouped = defaultdict(list)
    for row in rows:
        grouped[row["oid"], row["child"], row["parent"]].append(row)
    return [
        ForeignKey(
            child,
            parent,
            frozenset((each["held"], each["named"]) for each in pairs),
            frozenset(each["held"] for each in pairs if not each["required"]),
        )
        for (_, child, parent), pairs in grouped.items()
    ]


def is_of_a_user(table: str, keys: list[ForeignKey]) -> bool:
    """Whether a row of the table proves that its user exists, directly or through rows that it cannot exist without."""
    return table == "users" or any(
        is_of_a_user(key.parent, keys)
        for key in keys
        if key.child == table and key.parent != table and key.proves(("user_id", "user_id"))
    )


def links_to_many() -> dict[str, tuple[Entity, Link]]:
    """The links of shape `many` and `page`, by `Type.link`."""
    return {
        f"{entity.name}.{name}": (entity, link)
        for _, entity in entities()
        for name, link in entity.links.items()
        if link.shape in ("many", "page") and link.query is None
    }


@pytest.mark.parametrize("name", links_to_many())
async def test_what_a_link_finds_proves_that_its_parent_is_there(database: Database, name: str) -> None:
    parent, link = links_to_many()[name]
    (target,) = [entity for _, entity in entities() if entity.name == link.target]
    table, by = (link.through.table, link.through.by) if link.through else (target.table, link.by)
    keys = await foreign_keys(database)
    of_user = () if target.is_reference else (("user_id", "user_id"),)
    if by == "user_id":
        # The id of a user is known without a row. Any other parent has been read when its own user_id is followed.
        assert parent.table == "users" or (link.key == "user_id" and is_of_a_user(parent.table, keys))
        assert is_of_a_user(table, keys)
    else:
        possible = [key for key in keys if (key.child, key.parent) == (table, parent.table)]
        assert any(key.proves(*of_user, (by, "id")) for key in possible), (
            f"no foreign key from {table}.{by} to {parent.table}: add it with add_link()"
        )


def test_foreign_key_with_another_column_that_may_be_null_proves_nothing() -> None:
    columns = frozenset({("user_id", "user_id"), ("conversation_id", "conversation_id"), ("message_id", "id")})
    wanted = ("user_id", "user_id"), ("message_id", "id")
    assert ForeignKey("a", "b", columns, frozenset({"message_id"})).proves(*wanted)
    assert not ForeignKey("a", "b", columns, frozenset({"conversation_id"})).proves(*wanted)
    assert not ForeignKey("a", "b", columns - {("user_id", "user_id")}, frozenset()).proves(*wanted)
