"""Exports of everything that a user has, for download."""

from __future__ import annotations

from typing import Any

from gateway import (
    EXPORTS_KEPT,
    Cancelled,
    Conflict,
    Info,
    UniqueViolationError,
    Work,
    exported_names,
    input_type,
    job,
    mutation,
    sql,
    write_export,
)
from resolvers.work.job import Job, JobKind, begin

MOST_PARTS = 50


@input_type
class ExportAccountInput:
    """The types of objects to export: all, or some."""

    types: list[str] | None = None
    """Only objects of these types, such as `["Conversation", "Message"]`. Defaults to all."""


@mutation(scope="person")
async def export_account(info: Info, input: ExportAccountInput) -> Job:
    """Export everything that the user has, in the background. `Job.downloadUrl` of the finished job is a ZIP file.

    It has a file of JSON Lines for each type, with deleted objects, in the shapes of this API, and `manifest.json`. If
    an export of the same types is not finished yet, that one is returned, so this may be sent again. An account can be
    exported three times in 24 hours.
    """
    parameters: Any = {} if input.types is None else {"types": exported_names(info, input.types)}
    try:
        return await begin(info, JobKind.EXPORT, parameters)
    except UniqueViolationError:
        async with info.context.autocommit() as db:
            unfinished = await db.maybe(Job, sql.work.job.unfinished, kind=JobKind.EXPORT)
    if unfinished is None:  # it has ended in this moment
        return await begin(info, JobKind.EXPORT, parameters)
    if unfinished.parameters != parameters:
        raise Conflict("An export of other types is not finished yet.", field="types", current=unfinished)
    return unfinished


@job("export", tries=10)  # it may run for hours, and goes on after each interruption
async def export(work: Work) -> None:
    """Write the export of the user who asked for it."""
    try:
        await write_export(work)
    except Cancelled:
        await expire_exports(work)  # what is stored of it, without waiting for the schedule
        raise


@job("expire_exports", schedule="11 * * * *")
async def expire_exports(work: Work) -> None:
    """Remove what is stored of exports that can no longer be downloaded, that failed, or that were cancelled."""
    await work.exhaust(sql.export.part.expire, keep=EXPORTS_KEPT, most=MOST_PARTS)
