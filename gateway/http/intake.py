"""What a socket may send ahead of what is taken from it.

aiohttp bounds each message and how many of them wait. It does not bound what comes before a message is complete: pieces
without any content, as many as anyone likes, or the beginning of a large message from a stranger. So this stands
before its reader of frames, in the one place where that is kept, and counts bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from aiohttp import web


class Intake:
    """Passes on what comes over a socket until too much of it waits to be taken."""

    __slots__ = ("_overflow", "_reader", "_waiting", "limit")

    def __init__(self, reader: Any, limit: int, overflow: Callable[[], None]) -> None:
        self._reader = reader
        self._overflow = overflow
        self._waiting = 0
        self.limit = limit
        """In bytes, as they come over the line."""

    @classmethod
    def of(cls, request: web.BaseRequest, limit: int, overflow: Callable[[], None]) -> Self:
        """Put one before the reader of a socket that has just been opened; `overflow` is called once or more."""
        intake = cls(request.protocol._payload_parser, limit, overflow)
        request.protocol._payload_parser = intake
        return intake

    def taken(self) -> None:
        """A message was taken: what came so far is no longer ahead of us."""
        self._waiting = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """What aiohttp calls with all that comes; whether that was the end, and what is left of it."""
        self._waiting += len(data)
        if self._waiting > self.limit:
            self._overflow()
            return False, b""
        result: tuple[bool, bytes] = self._reader.feed_data(data)
        return result

    def feed_eof(self) -> None:
        """What aiohttp calls when nothing more comes."""
        self._reader.feed_eof()
