"""Creating objects so that a client may send the same request again.

A row keeps the hash of the request that made it. If its id is taken, the hashes say whether by the same request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import asyncpg

from gateway.data.entity import entity_of
from gateway.data.request_hash import COLUMN, request_hash
from gateway.data.writing import Statements
from gateway.errors import Conflict

T = TypeVar("T")


async def create(
    db: Statements, cls: type[T], values: dict[str, Any], *, begins_with: Mapping[str, Any] | None = None
) -> T:
    """Insert an object to show it, or find it when the client sends the same again. Must be the first statement of its
    commit. A new one has only the columns that the operation shows.

    `begins_with` holds values that the kind of request sets by itself. Raises `Conflict` when the id is taken by an
    object that another request made.
    """
    begins_with = begins_with or {}
    row = {**with_request_hash(values, *begins_with), **begins_with}
    try:
        return await db.insert(cls, row, for_show=True)
    except asyncpg.UniqueViolationError as error:
        if not is_taken(cls, error):
            raise
    return await made_before(db, cls, row)


def with_request_hash(values: dict[str, Any], *also: Any) -> dict[str, Any]:
    """The values of a new row with the hash of the request that they and `also` come to, if it names an id."""
    return {**values, COLUMN: request_hash(values, also)} if "id" in values else values


def is_taken(cls: type, error: asyncpg.UniqueViolationError) -> bool:
    """Whether an insert failed because there is an object with its id."""
    return error.constraint_name == f"{entity_of(cls).table}_pkey"


async def made_before(db: Statements, cls: type[T], row: Mapping[str, Any]) -> T:
    """The object with the id of a row that could not be inserted. Raises `Conflict` if another request made it."""
    existing: Any = await db.get(cls, row["id"], COLUMN)
    if existing is None or existing[COLUMN] != row[COLUMN]:
        raise Conflict("This id already belongs to an object with different values.", field="id", current=existing)
    return cast("T", existing)
