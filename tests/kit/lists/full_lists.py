"""A user whose lists are full of rows that have many values in common, and reference data of the same kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest_asyncio
from strawberry.utils.str_converters import to_camel_case

from gateway.data.entity import Entity
from gateway.schema.agreement import declared
from tests.kit import samples
from tests.kit.estate import Estate, make_estate
from tests.kit.lists.list_field import ListField, list_fields
from tests.kit.lists.scatter import Scatter, values_of
from tests.kit.removal import read_keys
from tests.kit.schema import graphql_schema
from tests.kit.serving import Serving

ENTITIES = declared(graphql_schema())[0]
LISTS = list(list_fields(ENTITIES))
ROWS = 6

NEEDED = """
SELECT attname AS name, format_type(atttypid, NULL) AS type
FROM pg_attribute
WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull AND NOT atthasdef
"""
"""The columns that a new row must have a value for."""

BY_TYPE = {"uuid": "00000000-0000-7000-8000-000000000001", "text": "word", "boolean": False, "jsonb": []}


@dataclass(frozen=True, slots=True)
class FullLists:
    """The user, and the ids of reference data."""

    estate: Estate
    superuser: asyncpg.Connection
    reference: dict[str, str]
    """The id of a row of each type of reference data."""

    def parent(self, listed: ListField) -> str:
        """The id of the object whose list is full."""
        if listed.parent is None or listed.parent.name == "User":
            return self.estate.user_id
        return self.reference.get(listed.parent.name) or self.estate.ids[listed.parent.name][0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reference_data(superuser: asyncpg.Connection) -> dict[str, str]:
    """The id of a row of each type of reference data, whose lists are full. The same for all users of the module."""
    ids, scatter = await write_reference_data(superuser), Scatter(superuser, ENTITIES.values(), seed="of nobody")
    for listed in LISTS:
        if listed.target.is_reference:
            await scatter.fill(listed, "", ids[listed.parent.name] if listed.parent else "", ROWS)
    return ids


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def full_lists(
    serving: Serving, superuser: asyncpg.Connection, reference_data: dict[str, str], executor: str
) -> FullLists:
    """Each list of each type has at least `ROWS` rows, and one more that is deleted."""
    made = FullLists(await make_estate(serving, superuser), superuser, reference_data)
    scatter = Scatter(superuser, ENTITIES.values(), seed=executor)
    # Join tables last: they join what the other lists hold.
    for listed in sorted(LISTS, key=lambda each: each.link.through is not None):
        if not listed.target.is_reference:
            await scatter.fill(listed, made.estate.user_id, made.parent(listed), ROWS)
    return made


async def write_reference_data(superuser: asyncpg.Connection) -> dict[str, str]:
    """Insert a row of each type of reference data that has none, and return an id of each."""
    keys = await read_keys(superuser)
    ids: dict[str, str] = {}
    left = [entity for entity in ENTITIES.values() if entity.is_reference]
    while left:
        entity = next(
            each for each in left if not any(key.child == each.table and _is_of(key.parent, left, each) for key in keys)
        )
        parents = {key.name: _id_of(key.parent, ids) for key in keys if key.child == entity.table}
        ids[entity.name] = await _row(superuser, entity, {name: id for name, id in parents.items() if id})
        left.remove(entity)
    return ids


def _is_of(table: str, left: list[Entity], entity: Entity) -> bool:
    return any(each.table == table and each is not entity for each in left)


def _id_of(table: str, ids: dict[str, str]) -> str:
    return next((id for name, id in ids.items() if ENTITIES[name].table == table), "")


async def _row(superuser: asyncpg.Connection, entity: Entity, parents: dict[str, str]) -> str:
    if id := await superuser.fetchval(f"SELECT id::text FROM {entity.table} ORDER BY id LIMIT 1"):  # noqa: S608
        return str(id)
    values: dict[str, Any] = {}
    for column in await superuser.fetch(NEEDED, entity.table):
        values[column["name"]] = _value(entity, column["name"], column["type"])
    names = ", ".join(values | parents)
    made = f"SELECT {names} FROM jsonb_populate_record(NULL::{entity.table}, $1)"  # noqa: S608
    text = f"INSERT INTO {entity.table} ({names}) {made} RETURNING id"
    try:
        return str(await superuser.fetchval(text, json.dumps(values | parents, default=str)))
    except asyncpg.CheckViolationError as error:
        raise AssertionError(
            f"a rule refuses the row of {entity.table} that the tests make: add a valid value to VALUES in"
            f" {samples.file_of(entity.name)}: {error}"
        ) from None


def _value(entity: Entity, column: str, of: str) -> Any:
    if found := samples.values_of(entity.name, to_camel_case(column)):
        return found[0]
    known: Iterator[Any] = iter(values_of(entity.kinds.get(column)))
    first = next(known, BY_TYPE.get(of, 1))
    return getattr(first, "value", first)
