"""What comes over a socket, before aiohttp's reader of frames gets it.

aiohttp bounds each message and how many of them wait. It does not bound what comes before a message is complete: pieces
without any content, as many as anyone likes, or the beginning of a large message from a stranger. Nor does it hold a
client to all rules of the protocol. So this stands before its reader, counts bytes and follows the frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from aiohttp import web

from gateway.http.aiohttp_private import frame_reader
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.flow.framing import Framing

MAX_ANONYMOUS_BYTES = 64 * 1024
"""Of a message without a token. Those who are known may send as much as in a request."""


class Intake:
    """Passes on what comes over a socket until too much of it waits to be taken, or it breaks the protocol."""

    __slots__ = ("_end", "_framing", "_reader", "_refusal", "_waiting", "limit")

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._framing = Framing()
        self._waiting = 0
        self._refusal: SocketClosedError | None = None
        self._end: Callable[[SocketClosedError], None] | None = None
        self.limit = MAX_ANONYMOUS_BYTES
        """In bytes, as they come over the line."""

    @classmethod
    def of(cls, request: web.BaseRequest) -> Intake:
        """That of a socket which has just been opened."""
        return cast("Intake", frame_reader(request.protocol))

    def attach(self, end: Callable[[SocketClosedError], None]) -> None:
        """Have `end` called when the socket must be closed, at once if that is so already."""
        self._end = end
        if self._refusal is not None:
            end(self._refusal)

    def taken(self) -> None:
        """A message was taken: what came so far is no longer ahead of us."""
        self._waiting = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """What aiohttp calls with all that comes; whether that was the end, and what is left of it."""
        if self._refusal is not None:
            return False, b""
        self._waiting += len(data)
        if self._waiting > self.limit:
            self._refuse(CloseCode.TOO_LARGE, f"more than {self.limit:,} bytes came before they made a message")
            return False, b""
        if (violation := self._framing.violation(data)) is not None:
            self._refuse(CloseCode.BROKEN_FRAME, violation)
            return False, b""
        result: tuple[bool, bytes] = self._reader.feed_data(data)
        return result

    def feed_eof(self) -> None:
        """What aiohttp calls when nothing more comes."""
        self._reader.feed_eof()

    def _refuse(self, code: CloseCode, reason: str) -> None:
        self._refusal = SocketClosedError(code, reason)
        if self._end is not None:
            self._end(self._refusal)
