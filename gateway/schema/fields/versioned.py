"""Changing, deleting and restoring objects, optionally only at a certain version."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, cast
from uuid import UUID

import strawberry

from gateway.data.clauses.secret import generation_of
from gateway.data.entity import entity_of
from gateway.data.statements import NOT_NULL
from gateway.data.writing import Statements
from gateway.errors import Conflict, NotFound
from gateway.schema.objects.entity import id_of
from gateway.schema.types import describe
from gateway.vault.row_secrets import RowSecrets

T = TypeVar("T")

_ATTEMPTS = 5


async def change(
    db: Statements,
    cls: type[T],
    id: UUID | None,
    values: dict[str, Any],
    *,
    expected: int | None,
    guard: Mapping[str, Any],
    secrets: RowSecrets | None = None,
) -> T:
    """Change an object if it has the expected version, if there is one, and the columns in `guard`.

    Without an id, it is the object that each user has one of. With `secrets`, each statement must commit on its own.
    Raises `NotFound`, or `Conflict` with the object in its current state.
    """
    version = {} if expected is None else {"version": expected}
    if secrets is not None:
        return await _change_secrets(db, cls, id, values, secrets, expected, {**guard, **version})
    changed = await db.update(cls, id, values, guard={**guard, **version})
    return changed if changed is not None else _unchanged(cls, await db.get(cls, id), expected)


async def _change_secrets(
    db: Statements,
    cls: type[T],
    id: UUID | None,
    values: dict[str, Any],
    secrets: RowSecrets,
    expected: int | None,
    guard: Mapping[str, Any],
) -> T:
    current: Any = None
    for _ in range(_ATTEMPTS):
        current = await db.get(cls, id, *map(generation_of, secrets.by_column))
        if current is None or current.deleted_at is not None or expected not in (None, current.version):
            _unchanged(cls, current, expected)
        details = () if secrets.details is None else await secrets.details(db, current.id)
        if details is None:
            continue
        before = {column: current[generation_of(column)] for column in secrets.by_column}
        sealed = await secrets.sealed(db, cls, current.id, generations=before, details=details)
        # Another change of the secret may come in between. What this one was sealed for would then be wrong.
        unchanged = {generation_of(column): number for column, number in before.items()}
        changed = await db.update(cls, id, {**values, **sealed}, guard={**guard, **unchanged})
        if changed is not None:
            return changed
    raise Conflict(f"This {describe.words(cls)} is being changed by other requests.", field="id", current=current)


def _unchanged(cls: type, current: Any, expected: int | None) -> NoReturn:
    """Raise why an object was not changed."""
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
