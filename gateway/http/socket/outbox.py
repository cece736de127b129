"""Sending to one socket: whole frames straight to its transport, and waiting for a client that does not read them.

A message is one frame, of text, neither compressed nor masked, and written in one piece. So it may stand between any
two frames that aiohttp writes: pings, pongs and the last one, which closes.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from aiohttp import web

from gateway.fairness.shares import Held
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.flow.drain import Drain

_TEXT = 0x81
"""The first byte of a frame that is a whole text message."""
_SHORT, _MEDIUM, _LONG = Struct("!BB"), Struct("!BBH"), Struct("!BBQ")


class Outbox:
    """Writes what the tasks of a socket send, and gives up on a client that has stopped reading."""

    __slots__ = ("_drain", "_socket", "_timeout_seconds", "_transport")

    def __init__(
        self, socket: web.WebSocketResponse, request: web.Request, hold: Callable[[], Held], timeout_seconds: float
    ) -> None:
        """`hold` gives what the client's user takes for unread bytes."""
        self._socket = socket
        self._drain = Drain(request, hold)
        self._transport = request.transport
        self._timeout_seconds = timeout_seconds

    def write(self, *parts: bytes) -> bool:
        """Write a message, at once; says whether there is room for more.

        Raises `ConnectionError` when it is closed, and `SocketClosedError` when the user leaves too much unread.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or self._socket.closed:
            raise ConnectionResetError("The socket is closed.")
        transport.write(b"".join((_header(sum(map(len, parts))), *parts)))
        return self._drain.wrote()

    def leave(self) -> None:
        """Nothing is sent any more."""
        self._drain.leave()

    async def send(self, message: bytes) -> None:
        """Write a message, and wait until there is room for more."""
        if not self.write(message):
            await self.drained()

    async def drained(self) -> None:
        """Return once the client has taken most of what was written: this is what holds a subscription back.

        Raises `SocketClosedError` when it takes too long.
        """
        if not await self._drain.room(self._timeout_seconds):
            raise SocketClosedError(
                CloseCode.TOO_SLOW, "The client reads too slowly: reconnect and resume from the last cursor"
            )


class SocketSink:
    """Where the answers of one subscription go."""

    __slots__ = ("_outbox", "_prefix")

    def __init__(self, outbox: Outbox, prefix: bytes) -> None:
        """The prefix is what a message begins with, up to the answer; a brace ends it."""
        self._outbox = outbox
        self._prefix = prefix

    def push(self, payload: bytes, cursor: str | None) -> bool:
        """Write an answer as a message; says whether there is room for more."""
        return self._outbox.write(self._prefix, payload, b"}")

    async def drained(self) -> None:
        """Wait for room. Raises `SocketClosedError` when it takes too long."""
        await self._outbox.drained()


def _header(size: int) -> bytes:
    if size < 126:
        return _SHORT.pack(_TEXT, size)
    if size < 65536:
        return _MEDIUM.pack(_TEXT, 126, size)
    return _LONG.pack(_TEXT, 127, size)
