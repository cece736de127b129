"""Limits the incoming bytes of a socket, in front of aiohttp's frame reader.

aiohttp bounds the size of a message and the number of messages that wait. It does not bound the data of an incomplete
message: any number of empty fragments, or the beginning of a large message from an anonymous client. Nor does it
enforce all rules of the protocol. So `Intake` sits in front of its reader, counts bytes and checks frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from aiohttp import web

from gateway.http.aiohttp_private import frame_reader
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.flow.framing import Framing

MAX_ANONYMOUS_BYTES = 64 * 1024
"""Limit without a token. Signed-in clients may send as much as in a request."""


class Intake:
    """Passes incoming data on until too much of it waits to be read, or it violates the protocol."""

    __slots__ = ("_end", "_framing", "_reader", "_refusal", "_waiting", "limit")

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._framing = Framing()
        self._waiting = 0
        self._refusal: SocketClosedError | None = None
        self._end: Callable[[SocketClosedError], None] | None = None
        self.limit = MAX_ANONYMOUS_BYTES
        """In bytes, as received."""

    @classmethod
    def of(cls, request: web.BaseRequest) -> Intake:
        """The intake of a socket that has just been opened."""
        return cast("Intake", frame_reader(request.protocol))

    def attach(self, end: Callable[[SocketClosedError], None]) -> None:
        """Call `end` when the socket must be closed; immediately if it must be closed already."""
        self._end = end
        if self._refusal is not None:
            end(self._refusal)

    def consumed(self) -> None:
        """Reset the count of waiting bytes, after a message was read."""
        self._waiting = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Called by aiohttp with incoming data. Returns whether the stream has ended, and unconsumed data."""
        if self._refusal is not None:
            return False, b""
        self._waiting += len(data)
        if self._waiting > self.limit:
            self._refuse(CloseCode.TOO_LARGE, f"more than {self.limit:,} bytes arrived without a complete message")
            return False, b""
        if (violation := self._framing.violation(data)) is not None:
            self._refuse(CloseCode.BROKEN_FRAME, violation)
            return False, b""
        result: tuple[bool, bytes] = self._reader.feed_data(data)
        return result

    def feed_eof(self) -> None:
        """Called by aiohttp at the end of the stream."""
        self._reader.feed_eof()

    def _refuse(self, code: CloseCode, reason: str) -> None:
        self._refusal = SocketClosedError(code, reason)
        if self._end is not None:
            self._end(self._refusal)
