"""Creating objects so that a client may retry the same request.

A row keeps the hash of the request that created it. If its id is taken, the hashes tell whether by the same request.
An object with a key of its own, such as the feedback of a message, needs no id from the client: see `put`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import asyncpg

from gateway.data.entity import entity_of
from gateway.data.queries import Query
from gateway.data.request_hash import COLUMN, request_hash
from gateway.data.writing import Statements
from gateway.errors import Conflict
from gateway.schema.types import describe
from gateway.vault.row_secrets import RowSecrets, new_id

T = TypeVar("T")


async def create(
    db: Statements,
    cls: type[T],
    values: dict[str, Any],
    *,
    begins_with: Mapping[str, Any] | None = None,
    secrets: RowSecrets | None = None,
) -> T:
    """Insert an object, or return the existing one on a retry. Must be the first statement of its transaction.

    A new row has only the selected columns. `begins_with` holds values that the mutation sets by itself. With
    `secrets`, each statement must commit on its own. Raises `Conflict` if another request created an object with this
    id.
    """
    begins_with = begins_with or {}
    if secrets is None:
        row = {**with_request_hash(values, *begins_with), **begins_with}
    else:
        row = {**await with_secrets(db, cls, values, secrets, *begins_with), **begins_with}
    try:
        return await db.insert(cls, row, for_show=True)
    except asyncpg.UniqueViolationError as error:
        return await made_before(db, cls, row, error)


async def put(
    db: Statements, cls: type[T], key: Mapping[str, Any], values: Mapping[str, Any], *, merge: Query | None = None
) -> T:
    """Insert an object, or give these values to the one that has this key. Sent again, it changes nothing.

    `key` holds the columns of a unique constraint. `merge` is a hand-written update to run instead of replacing the
    values of the existing object; it takes the key and the values. Each statement must commit on its own. Raises
    `Conflict` if the object with this key is deleted.
    """
    for is_last in (False, False, True):
        try:
            return await db.insert(cls, {**key, **values}, for_show=True)
        except asyncpg.UniqueViolationError:
            if merge is not None:
                replaced = await db.maybe(cls, merge, **key, **values)
            else:
                replaced = await db.replace(cls, key, values) if values else None
            found: Any = replaced or await db.find(cls, key)
            if found is not None:
                if entity_of(cls).deletable and found.deleted_at is not None:
                    raise Conflict(f"This {describe.words(cls)} is deleted.", current=found, is_foreign=True) from None
                return cast("T", found)
            # It was removed in the meantime, so that the next attempt inserts it.
            if is_last:
                raise
    raise AssertionError


def with_request_hash(values: dict[str, Any], *also: Any) -> dict[str, Any]:
    """The values of a new row and, if the request names an id, its hash over the values and `also`."""
    return {**values, COLUMN: request_hash(values, also)} if "id" in values else values


async def with_secrets(
    db: Statements, cls: type, values: dict[str, Any], secrets: RowSecrets, *also: Any, details: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The values of a new row as `with_request_hash` returns them, with its secrets, sealed, and the id it will have.

    `details` are further values that the secrets are bound to. Each statement must commit on its own.
    """
    row = with_request_hash(values, *also, *await secrets.fingerprints(db))
    id = row.get("id") or await new_id(db)
    return {**row, "id": id, **await secrets.sealed(db, cls, id, details=details)}


async def made_before(db: Statements, cls: type[T], row: Mapping[str, Any], error: asyncpg.UniqueViolationError) -> T:
    """The object that the same request created before, after an insert failed with this error.

    Raises `Conflict` if another request created it, and the error if it is not about the id.
    """
    if error.constraint_name != f"{entity_of(cls).table}_pkey":
        raise error
    existing: Any = await db.get(cls, row["id"], COLUMN)
    if existing is None or existing[COLUMN] != row[COLUMN]:
        message = "This id already belongs to an object with different values."
        raise Conflict(message, field="id", current=existing, is_foreign=True)
    return cast("T", existing)
