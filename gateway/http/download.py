"""Downloads of exports by signed links, part by part, so that memory stays bounded however large an export is.

No database connection is held while a client reads. A client that reads nothing is disconnected as everywhere
(`plain/connection.py`).
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from gateway.auth.download import PATH, Download, read_link
from gateway.data.pool import Pool
from gateway.data.queries import sql
from gateway.data.tenancy import rows_as_system
from gateway.errors import NotFound
from gateway.execution.complete import failed
from gateway.export.archive import zipped
from gateway.fairness.caller_counts import CallerCounts

NOT_FOUND = "There is no such download, or its link has expired.\n"
TOO_MANY = "This account has too many downloads at the same time. Wait until one has finished.\n"
MOST_AT_ONCE = 4
"""Downloads of one user at the same time, in each process."""
RETRY_SECONDS = 10

_HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Downloads:
    """Answers requests for exports."""

    pool: Pool
    key: bytes = field(repr=False)
    _running: CallerCounts = field(default_factory=CallerCounts)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the download that compresses a part: all downloads together keep one processor busy at most."""

    def routes(self) -> list[web.RouteDef]:
        """The route of all links, for GET and HEAD."""
        return [web.get(PATH + "{link}", self.handle)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Send an export. Every link that does not lead to one has the same answer."""
        link = read_link(request.match_info["link"], self.key, datetime.datetime.now(datetime.UTC))
        if link is None:
            return _plain(404, NOT_FOUND)
        running = self._running[link.user_id]
        if running.count >= MOST_AT_ONCE:
            return _plain(429, TOO_MANY, {"Retry-After": str(RETRY_SECONDS)})
        running.count += 1
        try:
            found = await rows_as_system(self.pool, link.user_id, sql.export.part.stored, job_id=link.job_id)
            return await self._send(request, link, found[0]) if found else _plain(404, NOT_FOUND)
        finally:
            running.count -= 1

    async def _send(self, request: web.Request, link: Download, stored: Any) -> web.StreamResponse:
        made_at = stored["finished_at"]
        response = web.StreamResponse(
            headers={
                **_HEADERS,
                "Content-Disposition": f'attachment; filename="parley-export-{made_at:%Y-%m-%d}.zip"',
                "Content-Type": "application/zip",
            }
        )
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        parts = self._parts(link, stored["parts"])
        try:
            async with aclosing(zipped(parts, made_at, stored["size"], self._turn)) as pieces:
                async for piece in pieces:
                    await response.write(piece)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - the outer edge
            failed(error)  # writes an unexpected cause to the log
            # The client must see that it is incomplete, and not another answer in the middle of it.
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError from None
        return response

    async def _parts(self, link: Download, number: int) -> AsyncIterator[tuple[str, bytes]]:
        for position in range(number):
            rows = await rows_as_system(
                self.pool, link.user_id, sql.export.part.content, job_id=link.job_id, position=position
            )
            if not rows:
                raise NotFound(NOT_FOUND)  # it was removed while it was sent
            yield rows[0]["file"], rows[0]["content"]


def _plain(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, text=text, headers=_HEADERS | (headers or {}))
