"""Changing, deleting and restoring objects, optionally only at a certain version."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast
from uuid import UUID

import strawberry

from gateway.data.entity import entity_of
from gateway.data.statements import NOT_NULL
from gateway.data.writing import Statements
from gateway.errors import Conflict, NotFound
from gateway.schema.objects.entity import id_of
from gateway.schema.types import describe

T = TypeVar("T")


async def change(
    db: Statements,
    cls: type[T],
    id: UUID | None,
    values: dict[str, Any],
    *,
    expected: int | None,
    guard: Mapping[str, Any],
) -> T:
    """Change an object if it has the expected version, if there is one, and the columns in `guard`.

    Without an id, it is the object that each user has one of.
    Raises `NotFound`, or `Conflict` with the object in its current state.
    """
    version = {} if expected is None else {"version": expected}
    changed = await db.update(cls, id, values, guard={**guard, **version})
    if changed is not None:
        return changed
    current: Any = await db.get(cls, id)
    if current is None:
        raise NotFound(f"There is no such {describe.words(cls)}.", field="id")
    require_version(cls, current, expected)
    raise Conflict(f"This {describe.words(cls)} is deleted.", field="id", current=current, is_foreign=True)


def require_version(cls: type, current: Any, expected: int | None) -> None:
    """Raise `Conflict` if a version is expected and the object has another one."""
    if expected is not None and current.version != expected:
        this = "This object" if entity_of(cls).one_per_user else f"This {describe.words(cls)}"
        raise Conflict(
            f"{this} has changed since version {expected}: it is at version {current.version}.",
            field="expected_version",
            current=current,
            is_foreign=True,
        )


async def set_deleted(db: Statements, cls: type[T], input: Any, *, deleted: bool) -> T:
    """Delete or restore an object. If there is nothing to do, it is returned unchanged."""
    id, expected = id_of(input.id), expected_version(input)
    at = datetime.datetime.now(datetime.UTC) if deleted else None
    guard = {"deleted_at": None if deleted else NOT_NULL}
    try:
        return await change(db, cls, id, {"deleted_at": at}, expected=expected, guard=guard)
    except Conflict as conflict:
        if conflict.current is None or conflict.field == ("expected_version",):
            raise
        return cast("T", conflict.current)


def expected_version(input: Any) -> int | None:
    """The version that a client expects; None for any."""
    version: int | None = input.expected_version
    return None if version is strawberry.UNSET else version
