"""What the types of the API say of their columns is what the database holds.

The breadth-first executor trusts it: a column that may not be null is not looked at for nulls, and the driver's value of
a column is written as its type in the API has it.
"""

from __future__ import annotations

import datetime
import decimal
import enum
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from graphql import GraphQLNonNull, GraphQLObjectType

from gateway.schema.build import graphql_schema
from gateway.schema.entity import Entity
from gateway.schema.level import definition_of
from gateway.schema.scalars import JSON, BigInt
from tests.database import Database

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


def entities() -> list[tuple[GraphQLObjectType, Entity]]:
    """The types of the schema that are tables."""
    types = [of for of in graphql_schema().type_map.values() if isinstance(of, GraphQLObjectType)]
    origins = [(of, of.extensions.get("strawberry-definition")) for of in types]
    return [(of, made.origin.__entity__) for of, made in origins if made and hasattr(made.origin, "__entity__")]


def plain_columns(of: GraphQLObjectType, entity: Entity) -> dict[str, tuple[str, bool]]:
    """The fields of a type that are columns: the column, and whether the API promises that it is not null."""
    found = {}
    for name, field in of.fields.items():
        definition = definition_of(field)
        if definition is not None and definition.base_resolver is None:
            (column,) = entity.fields[name]
            found[name] = column, isinstance(field.type, GraphQLNonNull)
    return found


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
        named = {"text"} if isinstance(kind, type) and issubclass(kind, enum.Enum) else HELD_AS[kind]
        assert held["data_type"] in named, (of.name, field)
        assert not (required and held["nullable"]), (of.name, field)
