"""One stream of server-sent events: the answers of one operation, in the format of graphql-sse.

A stream that ends with `complete` is finished. One that ends without it was interrupted: a comment gives the reason,
worded like a socket's close frame, and the client resumes with the id of the last event it received.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from aiohttp import HttpVersion11, web

from gateway.auth.identity import Identity
from gateway.execution.complete import Answer
from gateway.fairness.shares import Held
from gateway.http.answer import EVENT_STREAM
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.flow.drain import Drain
from gateway.http.flow.ending import Ending
from gateway.http.plain.connection import Connection

HEADERS = {
    "Content-Type": f"{EVENT_STREAM}; charset=utf-8",
    # Without it, proxies such as nginx buffer events.
    "X-Accel-Buffering": "no",
}
SIGN_OF_LIFE = b":\n\n"
COMPLETE = b"event: complete\ndata: \n\n"


class EventStream:
    """An event stream to one client, and the sink of its subscription."""

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
        "identity",
        "is_busy",
    )

    def __init__(
        self,
        request: web.Request,
        identity: Identity | None,
        hold: Callable[[], Held],
        *,
        heartbeat_seconds: float,
        drain_seconds: float,
    ) -> None:
        """`hold` makes a claim on the share of unread bytes of the client's user.

        A comment is sent every `heartbeat_seconds`. A client that reads nothing for `drain_seconds` is disconnected.
        """
        self.identity = identity
        """Who is signed in, if anybody is."""
        self.is_busy = True
        """Whether shutdown should wait for it. False for subscriptions."""
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
        """Interrupt the stream, and tell the client why. The first reason counts."""
        self.ending.end(outcome)

    async def begin(self, request: web.Request) -> None:
        """Send the head, and start the heartbeat."""
        cast("Connection", self._protocol).leave_room()
        await self._response.prepare(request)
        await self._response.write(SIGN_OF_LIFE)
        self._heartbeat = self._loop.call_later(self._heartbeat_seconds, self._beat)

    def push(self, payload: bytes, cursor: str | None) -> bool:
        """Write an answer as an event, with the cursor as its id. Returns whether there is room for more.

        Raises `ConnectionError` if the stream is closed, and `SocketClosedError` if the user leaves too much unread.
        """
        id_line = b"" if cursor is None else b"id: %b\n" % cursor.encode()
        return self._write(b"event: next\n%bdata: %b\n\n" % (id_line, payload))

    async def drained(self) -> None:
        """Wait for room. Raises `SocketClosedError` on timeout."""
        if not await self._drain.room(self._drain_seconds):
            raise SocketClosedError(CloseCode.TOO_SLOW, "the client reads too slowly: reconnect to resume")

    def complete(self, last: Answer | None) -> None:
        """Send the last answer, if there is one, and `complete`."""
        self._last = last  # it counts against the user's share until it is read
        if last is not None:
            self.push(last.bytes(), None)
        self._write(COMPLETE)

    async def finish(self, within_seconds: float) -> web.StreamResponse:
        """Send the reason if the stream was interrupted, and close it once the client has read it, or on timeout."""
        with suppress(ConnectionError):
            if (reason := self.ending.reason) is not None:
                self._write(f": {reason.code.value} {reason.reason}\n\n".encode())
            if await self._drain.all_taken(within_seconds):
                await self._response.write_eof()
        return self._response

    def leave(self) -> None:
        """Release everything once the stream has ended."""
        self._drain.leave()
        self._last = None
        if self._heartbeat is not None:
            self._heartbeat.cancel()

    def _beat(self) -> None:
        # A client that does not read has enough data to prove the connection alive.
        if self._drain.has_room:
            try:
                self._write(SIGN_OF_LIFE)
            except ConnectionError:
                return
        self._heartbeat = self._loop.call_later(self._heartbeat_seconds, self._beat)

    def _write(self, text: bytes) -> bool:
        """Write without waiting, bypassing aiohttp, whose writer waits."""
        transport = self._protocol.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("The stream is closed.")
        transport.write(b"%x\r\n%b\r\n" % (len(text), text) if self._chunked else text)
        return self._drain.wrote()
