"""Writes an export, part by part. Each part is stored in one transaction, together with where to go on."""

from __future__ import annotations

import asyncio
import datetime
import importlib.metadata
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import orjson

from gateway.data import scan
from gateway.data.queries import sql
from gateway.export.lines import pages
from gateway.export.selection import ExportedType, exported_types
from gateway.work.work import Cancelled, Work

FORMAT = 1
"""Raised when a reader of older exports could not read newer ones."""
MANIFEST = "manifest.json"

PART_BYTES = 512 * 1024
"""How much text makes a part. Compressed, it is about a third."""

NOTE = (
    "Each other file has one object per line, in the shape in which the API's `node` returns it; deleted objects have "
    "`deletedAt`. A type without objects has no file. An object that changed while the export was made may be in its "
    "state before or after the change: read what has changed since with the API's `changes(after: feedCursor)`."
)


@dataclass(frozen=True, slots=True)
class Position:
    """Where an export stopped."""

    position: int
    """That of its last part."""
    file: str
    """The file that its last part belongs to."""
    last_id: UUID | None
    """The last object in the file."""
    done: int
    """Objects in the whole export so far."""


START = Position(-1, "", None, 0)


async def write_export(work: Work) -> None:
    """Write everything that the user has. Goes on after the last part that an earlier run has stored."""
    names = work.parameters.get("types")
    types = [of for of in exported_types(work.api.schema) if names is None or of.name in names]
    async with work.transaction() as db:
        row: Any = await db.row(sql.export.part.last, job_id=work.job_id)
    if row is None:
        counted = [(await work.select(scan.number(of.table)))[0]["number"] for of in types]
        await work.progress(0, sum(counted))
        at = await _store(work, START, MANIFEST, await _manifest(work, types), None, 0)
    else:
        at = Position(**row)
    work.done = at.done
    for of in types:
        if of.file >= at.file or at.file == MANIFEST:
            at = await _write_type(work, of, at)


async def _write_type(work: Work, of: ExportedType, at: Position) -> Position:
    text, number = bytearray(), 0
    last_id = at.last_id if at.file == of.file else None
    async for page in pages(work, of, last_id):
        for last_id, line in page:
            text += line
            number += bool(line)
            if len(text) >= PART_BYTES:
                at = await _store(work, at, of.file, bytes(text), last_id, number)
                text.clear()
                number = 0
        await work.progress(at.done)
    if text:
        at = await _store(work, at, of.file, bytes(text), last_id, number)
        await work.progress(at.done)
    return at


async def _store(work: Work, at: Position, file: str, text: bytes, last_id: UUID | None, objects: int) -> Position:
    """Store a part. Raises `Cancelled` if the job is no longer running."""
    content = await asyncio.to_thread(zlib.compress, text)
    after = Position(at.position + 1, file, last_id, at.done + objects)
    async with work.transaction() as db:
        stored = await db.row(sql.export.part.add, job_id=work.job_id, content=content, size=len(text), **asdict(after))
    if stored is None:
        raise Cancelled
    return after


async def _manifest(work: Work, types: Sequence[ExportedType]) -> bytes:
    async with work.transaction() as db:
        head: Any = await db.row(sql.feed.changes.head)
    content = {
        "format": "parley-export",
        "formatVersion": FORMAT,
        "parleyVersion": importlib.metadata.version("parley"),
        "userId": str(work.user_id),
        "jobId": str(work.job_id),
        "startedAt": datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z"),
        "feedCursor": f"{head['epoch']}.{head['version']}",
        "types": [of.name for of in types],
        "note": NOTE,
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"
