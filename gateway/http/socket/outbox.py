"""Sends to one socket: writes whole frames directly to its transport, with backpressure.

A message is a single text frame, uncompressed and unmasked, written at once. It can therefore go between any two frames
that aiohttp writes: pings, pongs and the close frame.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from aiohttp import web

from gateway.fairness.shares import Held
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.flow.drain import Drain

_TEXT = 0x81
"""First byte of an unfragmented text frame."""
_SHORT, _MEDIUM, _LONG = Struct("!BB"), Struct("!BBH"), Struct("!BBQ")


class Outbox:
    """Writes the messages of a socket's tasks, and gives up on a client that has stopped reading."""

    __slots__ = ("_drain", "_socket", "_timeout_seconds", "_transport")

    def __init__(
        self, socket: web.WebSocketResponse, request: web.Request, hold: Callable[[], Held], timeout_seconds: float
    ) -> None:
        """`hold` makes a claim on the share of unread bytes of the client's user."""
        self._socket = socket
        self._drain = Drain(request, hold)
        self._transport = request.transport
        self._timeout_seconds = timeout_seconds

    def write(self, *parts: bytes) -> bool:
        """Write a message without waiting. Returns whether there is room for more.

        Raises `ConnectionError` if the socket is closed, and `SocketClosedError` if the user leaves too much unread.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or self._socket.closed:
            raise ConnectionResetError("The socket is closed.")
        transport.write(b"".join((_header(sum(map(len, parts))), *parts)))
        return self._drain.wrote()

    def leave(self) -> None:
        """Release the claim on the user's share when the session ends."""
        self._drain.leave()

    async def send(self, message: bytes) -> None:
        """Write a message, and wait until there is room for more."""
        if not self.write(message):
            await self.drained()

    async def drained(self) -> None:
        """Wait until the client has read most of what was written. This is the backpressure on subscriptions.

        Raises `SocketClosedError` on timeout.
        """
        if not await self._drain.room(self._timeout_seconds):
            raise SocketClosedError(
                CloseCode.TOO_SLOW, "The client reads too slowly: reconnect and resume from the last cursor"
            )


class SocketSink:
    """The sink of one subscription: sends its answers to the socket."""

    __slots__ = ("_outbox", "_prefix")

    def __init__(self, outbox: Outbox, prefix: bytes) -> None:
        """`prefix` is the message up to the answer. A closing brace follows the answer."""
        self._outbox = outbox
        self._prefix = prefix

    def push(self, payload: bytes, cursor: str | None) -> bool:
        """Write an answer as a message. Returns whether there is room for more."""
        return self._outbox.write(self._prefix, payload, b"}")

    async def drained(self) -> None:
        """Wait for room. Raises `SocketClosedError` on timeout."""
        await self._outbox.drained()


def _header(size: int) -> bytes:
    if size < 126:
        return _SHORT.pack(_TEXT, size)
    if size < 65536:
        return _MEDIUM.pack(_TEXT, 126, size)
    return _LONG.pack(_TEXT, 127, size)
