"""Creating objects so that a client may retry the same request.

A row keeps the hash of the request that created it. If its id is taken, the hashes tell whether by the same request.
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
    """Insert an object, or return the existing one on a retry. Must be the first statement of its transaction.

    A new row has only the selected columns. `begins_with` holds values that the mutation sets by itself. Raises
    `Conflict` if another request created an object with this id.
    """
    begins_with = begins_with or {}
    row = {**with_request_hash(values, *begins_with), **begins_with}
    try:
        return await db.insert(cls, row, for_show=True)
    except asyncpg.UniqueViolationError as error:
        return await made_before(db, cls, row, error)


def with_request_hash(values: dict[str, Any], *also: Any) -> dict[str, Any]:
    """The values of a new row and, if the request names an id, its hash over the values and `also`."""
    return {**values, COLUMN: request_hash(values, also)} if "id" in values else values


async def made_before(db: Statements, cls: type[T], row: Mapping[str, Any], error: asyncpg.UniqueViolationError) -> T:
    """The object that the same request created before, after an insert failed with this error.

    Raises `Conflict` if another request created it, and the error if it is not about the id.
    """
    if error.constraint_name != f"{entity_of(cls).table}_pkey":
        raise error
    existing: Any = await db.get(cls, row["id"], COLUMN)
    if existing is None or existing[COLUMN] != row[COLUMN]:
        raise Conflict("This id already belongs to an object with different values.", field="id", current=existing)
    return cast("T", existing)
