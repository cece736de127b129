"""Jobs: what a user asked for that takes long, and its progress.

Another domain begins one with `begin`, and declares the function that does it with `@job` under the name of its kind.
"""

from __future__ import annotations

import datetime
import enum
from typing import Any
from uuid import UUID

import strawberry

from gateway import (
    JSON,
    BigInt,
    Conflict,
    Info,
    Node,
    NotFound,
    computed,
    create,
    entity,
    enum_type,
    id_of,
    input_type,
    mutation,
    sql,
    standard,
)


@enum_type
class JobKind(enum.Enum):
    """What a job does."""

    ARCHIVE = "archive"
    """Archives conversations that have been inactive for long."""
    EXPORT = "export"
    """Exports everything that the user has."""
    PURGE = "purge"
    """Removes deleted objects permanently."""


@enum_type
class JobStatus(enum.Enum):
    """The status of a job."""

    QUEUED = "queued"
    """Waits for its first or its next attempt."""
    RUNNING = "running"
    """Running."""
    DONE = "done"
    """Finished."""
    FAILED = "failed"
    """Given up. `error` says why."""
    CANCELLED = "cancelled"
    """Cancelled by the user."""


@input_type
class JobFilter:
    """Conditions for a list of jobs. Each item meets all that are set."""

    kind: list[JobKind] | None = None
    """Of one of these kinds."""
    status: list[JobStatus] | None = None
    """With one of these statuses."""


@entity("jobs", order="-created_at", filter=JobFilter)
class Job(Node):
    """Work that a user asked for and that goes on in the background, because it takes long."""

    kind: JobKind
    """What it does."""
    status: JobStatus
    """The current status."""
    done: BigInt
    """The number of items that are finished."""
    total: BigInt | None
    """The number of all items; null while it is unknown."""
    error: str | None
    """Why it failed; null otherwise."""
    attempts: int
    """How often it was started. After a failure it is tried again several times, at growing intervals."""
    run_after: datetime.datetime
    """The earliest time of its next attempt, while it is queued."""
    started_at: datetime.datetime | None
    """When its last attempt started; null if none has."""
    finished_at: datetime.datetime | None
    """When it was done, failed or cancelled; null before."""
    parameters: strawberry.Private[JSON]

    @computed("done", "total", "status")
    def progress(self) -> float | None:
        """The finished part of the work, from 0 to 1; null while it is unknown."""
        if self.status is JobStatus.DONE:
            return 1.0
        if self.total is None:
            return None
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @computed("id", "kind", "status", "finished_at", exported=False)
    def download_url(self, info: Info) -> str | None:
        """The path on this server where a person can download the finished export, such as `/exports/AZ…`.

        It needs no access token and works for 7 days after `finishedAt`; whoever has it can download the export. Null
        for any other job, and for agents.
        """
        if self.kind is not JobKind.EXPORT or self.status is not JobStatus.DONE or self.finished_at is None:
            return None
        return info.context.download_path(UUID(str(self.id)), self.finished_at)


standard(Job, without=("create", "update"), scope="person")


@input_type
class CancelJobInput:
    """The job to cancel, which must not have ended."""

    id: strawberry.ID
    """The id of the job, a UUID."""


@mutation(scope="person")
async def cancel_job(info: Info, input: CancelJobInput) -> Job:
    """Cancel a job that has not ended. What it has done so far stays done. A running one stops within seconds."""
    id = id_of(input.id)
    async with info.context.autocommit() as db:
        cancelled = await db.maybe(Job, sql.work.job.cancel, id=id)
        current = cancelled or await db.get(Job, id)
    if current is None:
        raise NotFound("There is no such job.", field="id")
    if cancelled is None and current.status is not JobStatus.CANCELLED:
        raise Conflict(f"This job is {current.status.value} already.", field="id", current=current)
    return current


async def begin(info: Info, kind: JobKind, parameters: dict[str, Any], *, id: UUID | None = None) -> Job:
    """Create a job of the caller, and have it run in the background. Do not call it within a transaction.

    `parameters` are ids and numbers, never content. With an `id` that the client chose, a retry returns the same job.
    """
    values = {"kind": kind, "parameters": parameters} | ({} if id is None else {"id": id})
    async with info.context.autocommit() as db:
        made = await create(db, Job, values)
    await info.context.enqueue(kind.value, id_of(str(made.id)))
    return made
