"""One stream of server-sent events from its head to its end: the answers of one operation, as graphql-sse has them.

A stream that ends with `complete` is over. One that ends without was cut short, and the client comes back for the rest
with the id of the last event that it got; a comment says why, in the words of a socket's close frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast
from uuid import UUID

from aiohttp import HttpVersion11, web

from gateway.execution.complete import Answer
from gateway.fairness.shares import Held
from gateway.http.answer import EVENT_STREAM
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.flow.drain import Drain
from gateway.http.flow.ending import Ending
from gateway.http.plain.connection import Connection

HEADERS = {
    "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
    # Proxies like nginx would hold events back to fill their buffers.
    "X-Accel-Buffering": "no",
}
SIGN_OF_LIFE = b":\n\n"
COMPLETE = b"event: complete\ndata: \n\n"


class EventStream:
    """The way to one client, and the sink of its subscription."""

    __slots__ = (
        "_chunked",
        "_drain",
        "_drain_seconds",
        "_heartbeat",
        "_heartbeat_seconds",
        "_last",
        "_loop",
        "_protocol",
        "_response",
        "ending",
        "is_busy",
        "session_id",
    )

    def __init__(
        self,
        request: web.Request,
        session_id: UUID | None,
        hold: Callable[[], Held],
        *,
        heartbeat_seconds: float,
        drain_seconds: float,
    ) -> None:
        """`hold` gives what the client's user takes for unread bytes. A comment goes out every `heartbeat_seconds`; a
        client that takes nothing for `drain_seconds` is left.
        """
        self.session_id = session_id
        self.is_busy = True
        """Whether the end should wait: for all but subscriptions."""
        self.ending = Ending()
        self._protocol = request.protocol
        self._chunked = request.version >= HttpVersion11
        self._response = web.StreamResponse(headers=HEADERS)
        self._response.force_close()
        self._heartbeat_seconds = heartbeat_seconds
        self._drain = Drain(request, hold)
        self._drain_seconds = drain_seconds
        self._loop = asyncio.get_running_loop()
        self._heartbeat: asyncio.TimerHandle | None = None
        self._last: Answer | None = None

    def end(self, outcome: SocketClosedError) -> None:
        """Cut the stream short, and tell the client why. The first reason counts."""
        self.ending.come(outcome)

    async def begin(self, request: web.Request) -> None:
        """Send the head, and begin to show signs of life."""
        cast("Connection", self._protocol).leave_room()
        await self._response.prepare(request)
        await self._response.write(SIGN_OF_LIFE)
        self._heartbeat = self._loop.call_later(self._heartbeat_seconds, self._beat)

    def push(self, payload: bytes, cursor: str | None) -> bool:
        """Write an answer as an event; says whether there is room for more. With a cursor it is one to come back to.

        Raises `ConnectionError` when it is closed, and `SocketClosedError` when the user leaves too much unread.
        """
        id_line = b"" if cursor is None else b"id: %b\n" % cursor.encode()
        return self._write(b"event: next\n%bdata: %b\n\n" % (id_line, payload))

    async def drained(self) -> None:
        """Wait for room. Raises `SocketClosedError` when it takes too long."""
        if not await self._drain.room(self._drain_seconds):
            raise SocketClosedError(CloseCode.TOO_SLOW, "the client reads too slowly: reconnect to resume")

    def complete(self, last: Answer | None) -> None:
        """The operation has ended, with this as its last answer if there is one."""
        self._last = last  # what it takes of the user's share it takes until it is read
        if last is not None:
            self.push(last.bytes(), None)
        self._write(COMPLETE)

    async def finish(self, within_seconds: float) -> web.StreamResponse:
        """Say why the stream ends, if it was cut short, and close it once the client has read it, but not for ever."""
        with suppress(ConnectionError):
            if (reason := self.ending.reason) is not None:
                self._write(f": {reason.code.value} {reason.reason}\n\n".encode())
            if await self._drain.all_taken(within_seconds):
                await self._response.write_eof()
        return self._response

    def leave(self) -> None:
        """Touch the stream no more, however it ended."""
        self._drain.leave()
        self._last = None
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    def _beat(self) -> None:
        # Who does not read has enough to read already.
        if self._drain.has_room:
            try:
                self._write(SIGN_OF_LIFE)
            except ConnectionError:
                return
        self._heartbeat = self._loop.call_later(self._heartbeat_seconds, self._beat)

    def _write(self, text: bytes) -> bool:
        """Write at once and past aiohttp, whose own way waits."""
        transport = self._protocol.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("The stream is closed.")
        transport.write(b"%x\r\n%b\r\n" % (len(text), text) if self._chunked else text)
        return self._drain.wrote()
