"""The ZIP of an export, which `zipfile` writes while it is sent.

A ZIP has one compressed stream for each file, so the parts are decompressed and compressed anew. Its size is unknown
until its end.
"""

from __future__ import annotations

import asyncio
import datetime
import zlib
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import ExitStack
from typing import IO
from zipfile import ZIP64_LIMIT, ZIP_DEFLATED, ZipFile, ZipInfo

KEPT = datetime.timedelta(days=7)
"""For how long an export can be downloaded after its job has ended. Then its parts are removed."""


async def zipped(
    parts: AsyncIterable[tuple[str, bytes]], made_at: datetime.datetime, size: int, turn: asyncio.Lock
) -> AsyncGenerator[bytes, None]:
    """A ZIP in pieces, of which each contains about one part.

    A part is the name of its file and its compressed text; the parts of a file follow each other. `size` is the bytes
    of all texts. Downloads that share a `turn` compress one part at a time.
    """
    sink = _Sink()
    with ZipFile(sink, "w") as archive, ExitStack() as opened:
        name = None
        async for part_of, text in parts:
            if part_of != name:
                opened.close()
                name = part_of
                # Some programs cannot read ZIP64 whose sizes come last, such as Java's streams.
                entry = archive.open(_entry(name, made_at), "w", force_zip64=size > ZIP64_LIMIT)
                file = opened.enter_context(entry)
            async with turn:
                await _add(file, text)
            yield sink.taken()
    yield sink.taken()


class _Sink:
    """What has been written and not been taken yet. It has no `seek`, so sizes come after each file."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, text: bytes) -> int:
        """Add bytes."""
        self._written += text
        return len(text)

    def flush(self) -> None:
        """Do nothing: everything can be taken at once."""

    def close(self) -> None:
        """Do nothing: what was written can still be taken."""

    def taken(self) -> bytes:
        """Take everything."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


def _entry(name: str, made_at: datetime.datetime) -> ZipInfo:
    at = made_at.astimezone(datetime.UTC)
    entry = ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
    entry.compress_type = ZIP_DEFLATED
    return entry


async def _add(file: IO[bytes], text: bytes) -> None:
    """Add a part in a thread. If cancelled, wait for the thread, because it uses what is then closed."""
    adding = asyncio.ensure_future(asyncio.to_thread(lambda: file.write(zlib.decompress(text))))
    try:
        await asyncio.shield(adding)
    finally:
        await asyncio.wait([adding])
