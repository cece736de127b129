"""Archiving and deleting of conversations that have been inactive for long, by the user's settings or on request.

A conversation that was unarchived or restored in that time counts as active.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import strawberry

from gateway import Info, Invalid, Work, input_type, job, mutation, sql, values_of
from resolvers.work.job import Job, JobKind, begin

MOST_MONTHS = 120
MOST_ARCHIVED = 50
MOST_DELETED = 10
"""Conversations in one transaction, during which the user's writers wait. Deleting one marks what lies within it."""

_START = {"after_since": datetime.datetime.min.replace(tzinfo=datetime.UTC), "after_id": UUID(int=0)}


@input_type
class ArchiveConversationsInput:
    """How long a conversation must have been inactive to be archived."""

    inactive_months: int
    """Archive conversations without a message for this many months, 1 to 120."""
    id: strawberry.ID | None = strawberry.UNSET
    """The id of the new job, a UUID. Sent again with the same values, nothing new is created."""


@mutation(scope="person")
async def archive_conversations(info: Info, input: ArchiveConversationsInput) -> Job:
    """Archive all conversations that have been inactive for long, in the background. They are marked `isAutoArchived`.

    A conversation that was unarchived or restored in that time counts as active.
    """
    values = values_of(input)
    months = values.pop("inactive_months")
    if not 1 <= months <= MOST_MONTHS:
        raise Invalid(f"The number of months must be between 1 and {MOST_MONTHS}.", field="inactive_months")
    return await begin(info, JobKind.ARCHIVE, {"inactive_months": months}, **values)


@job("archive")
async def archive(work: Work) -> None:
    """Archive the inactive conversations of the user who asked for it."""
    done = work.done
    async for number in archived(work, work.user_id, work.parameters["inactive_months"]):
        done += number
        await work.progress(done)


@job("archive_inactive", schedule="0 2 * * *")
async def archive_inactive(work: Work) -> None:
    """Archive conversations that have been inactive for as long as their users have set (`archiveAfterMonths`)."""
    async for user in work.users(sql.chat.retention.users):
        if user["archive_months"] is not None:
            async for _ in archived(work, user["user_id"], user["archive_months"]):
                await work.pause()


@job("delete_inactive", schedule="30 2 * * *")
async def delete_inactive(work: Work) -> None:
    """Delete conversations that have been inactive for as long as their users have set (`deleteAfterMonths`)."""
    async for user in work.users(sql.chat.retention.users):
        if user["delete_months"] is not None:
            async for _ in deleted(work, user["user_id"], user["delete_months"]):
                await work.pause()


def archived(work: Work, user_id: UUID, months: int) -> AsyncIterator[int]:
    """Archive a user's inactive conversations in batches, and yield how many each has archived."""
    return _batches(work, sql.chat.retention.archive, user_id, months, MOST_ARCHIVED)


def deleted(work: Work, user_id: UUID, months: int) -> AsyncIterator[int]:
    """Delete a user's inactive conversations in batches, and yield how many each has deleted."""
    return _batches(work, sql.chat.retention.delete, user_id, months, MOST_DELETED)


async def _batches(work: Work, query: Any, user_id: UUID, months: int, most: int) -> AsyncIterator[int]:
    before, position = months_ago(months), _START
    while True:
        async with work.transaction(user_id) as db:
            row = await db.row(query, before=before, most=most, **position)
        if row is None:
            return
        position = {name: row[name] for name in position}
        yield row["number"]


def months_ago(months: int) -> datetime.datetime:
    """The same moment this many months ago, or the end of that month if it is shorter."""
    now = datetime.datetime.now(datetime.UTC)
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    for day in range(now.day, 0, -1):
        try:
            return now.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")
