"""The trash: restoring objects of any type, and removing them for good, on request or after 30 days.

A mutation removes a little at once, and begins a job for the rest.
"""

from __future__ import annotations

import datetime
from typing import Any
from uuid import UUID

import strawberry

from gateway import (
    BigInt,
    Conflict,
    Info,
    Node,
    Statements,
    Work,
    id_of,
    input_type,
    job,
    mutation,
    payload,
    set_deleted,
    sql,
    tables_in_trash,
    type_in_trash,
)
from resolvers.work.job import Job, JobKind, begin

KEPT = datetime.timedelta(days=30)
"""How long deleted objects stay in the trash."""

MOST_ROWS = 150
"""Rows that one transaction removes, during which the user's writers wait: about 30 ms."""
MOST_BATCHES = 4
"""Batches that a mutation removes before it leaves the rest to a job."""
MOST_OBJECTS = 400
"""Objects whose removal one statement requests: with their entries in the audit, less than 100 ms."""


@input_type
class RestoreInput:
    """The deleted object to restore, of any type."""

    id: strawberry.ID
    """The id of the object, a UUID."""
    expected_version: BigInt | None = None
    """The `version` that the object must have; otherwise nothing changes. Defaults to any version."""


@payload
class Restored:
    node: Node
    """The object in its current state; null if there is none to return."""


@input_type
class PurgeInput:
    """The deleted object to remove permanently, of any type."""

    id: strawberry.ID
    """The id of the object, a UUID."""


@payload
class Purged:
    id: strawberry.ID
    """The id of the object, which can no longer be restored; null if it is not being removed."""
    is_complete: bool
    """Whether the object and all that belonged to it are gone. Otherwise, `job` removes the rest."""
    job: Job | None
    """The work in the background that removes the rest; null if there is no rest."""


@input_type
class EmptyTrashInput:
    """The deleted objects to remove: all of them, or those of some types."""

    types: list[str] | None = None
    """Only objects of these types, such as `["Conversation"]`. Defaults to all."""


@payload
class Emptied:
    removed: int
    """How many objects can no longer be restored, without what belonged to them. At most 400, if `job` removes the
    others."""
    is_complete: bool
    """Whether all of them are gone. Otherwise, `job` removes the rest."""
    job: Job | None
    """The work in the background that removes the rest; null if there is no rest."""


@mutation(scope="person")
async def restore(info: Info, input: RestoreInput) -> Restored:
    """Restore a deleted object of any type, with what was deleted with it.

    If it is not deleted, it is returned unchanged.
    """
    of = await type_in_trash(info, id_of(input.id))
    async with info.context.autocommit() as db:
        return Restored(node=await set_deleted(db, of.declared, input, deleted=False))


@mutation(scope="person")
async def purge(info: Info, input: PurgeInput) -> Purged:
    """Remove a deleted object of any type permanently, with all that belonged to it. Usage is kept."""
    id = id_of(input.id)
    of = await type_in_trash(info, id)
    async with info.context.autocommit() as db:
        if await db.row(sql.removal.trash.request, entity=of.entity.table, id=id) is None:
            raise Conflict("Delete this object first.", field="id", current=None)
        await _remove_some(db)
        is_complete = await db.get(of.declared, id) is None
    rest = None if is_complete else await begin(info, JobKind.PURGE, {})
    return Purged(id=input.id, is_complete=is_complete, job=rest)


@mutation(scope="person")
async def empty_trash(info: Info, input: EmptyTrashInput) -> Emptied:
    """Remove everything in the trash permanently."""
    trash = {"tables": tables_in_trash(info, input.types), "before": datetime.datetime.now(datetime.UTC).isoformat()}
    async with info.context.autocommit() as db:
        requested = await _request(db, trash)
        is_complete = await _remove_some(db) and requested < MOST_OBJECTS
    rest = None if is_complete else await begin(info, JobKind.PURGE, trash)
    return Emptied(removed=requested, is_complete=is_complete, job=rest)


@job("purge")
async def purge_rest(work: Work) -> None:
    """Remove what the user has asked to have removed."""
    await _remove(work, work.user_id, work.parameters)


@job("purge_trash", schedule="0 3 * * *")
async def purge_trash(work: Work) -> None:
    """Remove what has been in the trash for 30 days, and what jobs have not removed."""
    before = datetime.datetime.now(datetime.UTC) - KEPT
    async for user in work.users(sql.removal.trash.users_to_purge, before=before):
        await _remove(work, user["user_id"], {"tables": None, "before": before.isoformat()})


async def _remove(work: Work, user_id: UUID, trash: Any) -> None:
    """Remove what is requested, and then request the next objects of the trash, until nothing is left."""
    done = work.done
    while True:
        async with work.transaction(user_id) as db:
            batch = await db.row(sql.removal.trash.remove_some, most=MOST_ROWS)
            if batch is None and not (trash and await _request(db, trash)):
                return
        done += batch["removed"] if batch else 0
        await work.progress(done)


async def _request(db: Statements, trash: Any) -> int:
    """Request the removal of objects in the trash. Returns how many, at most `MOST_OBJECTS`."""
    before = datetime.datetime.fromisoformat(trash["before"])
    values = {"tables": trash["tables"], "before": before, "most": MOST_OBJECTS}
    (requested,) = await db.rows(sql.removal.trash.request_all, **values)
    return int(requested["number"])


async def _remove_some(db: Statements) -> bool:
    """Remove a little of what is requested. Returns whether nothing is left."""
    for _ in range(MOST_BATCHES):
        if not await db.rows(sql.removal.trash.remove_some, most=MOST_ROWS):
            return True
    return False
