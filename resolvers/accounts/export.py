"""Exports of everything that a user has, for download."""

from __future__ import annotations

import strawberry

from gateway import (
    EXPORTS_KEPT,
    Info,
    UniqueViolationError,
    Work,
    input_type,
    job,
    mutation,
    sql,
    values_of,
    write_export,
)
from resolvers.work.job import Job, JobKind, begin

MOST_PARTS = 50


@input_type
class ExportAccountInput:
    """The export to begin."""

    id: strawberry.ID | None = strawberry.UNSET
    """The id of the new job, a UUID. Sent again, nothing new is created."""


@mutation
async def export_account(info: Info, input: ExportAccountInput) -> Job:
    """Export everything that the user has, in the background. `Job.downloadUrl` of the finished job is a ZIP file.

    It has a file of JSON Lines for each type, with deleted objects, in the shapes of this API, and `manifest.json`. If
    an export of the user is not finished yet, that one is returned. An account can be exported three times in 24 hours.
    Only a person can do this: agents' tokens are refused.
    """
    info.context.require_person("export the account")
    try:
        return await begin(info, JobKind.EXPORT, {}, **values_of(input))
    except UniqueViolationError:
        async with info.context.autocommit() as db:
            unfinished = await db.maybe(Job, sql.work.job.unfinished, kind=JobKind.EXPORT)
        # It may have ended in this moment.
        return unfinished or await begin(info, JobKind.EXPORT, {}, **values_of(input))


@job("export")
async def export(work: Work) -> None:
    """Write the export of the user who asked for it."""
    await write_export(work)


@job("expire_exports", schedule="11 * * * *")
async def expire_exports(work: Work) -> None:
    """Remove what is stored of exports that can no longer be downloaded, that failed, or that were cancelled."""
    while await work.rows(sql.export.part.expire, keep=EXPORTS_KEPT, most=MOST_PARTS):
        await work.pause()
