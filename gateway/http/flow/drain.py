"""Backpressure: waits for a client to read what was written to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from gateway.fairness.shares import Held
from gateway.http.aiohttp_private import drained
from gateway.http.close import CloseCode, SocketClosedError

UNREAD_BYTES = 256 * 1024
"""Unread bytes that each connection may have without using the user's share."""


class Drain:
    """Tracks how much of the written data one client has left unread."""

    __slots__ = ("_hold", "_protocol", "_unread", "_waiting")

    def __init__(self, request: web.BaseRequest, hold: Callable[[], Held]) -> None:
        """`hold` makes a claim on the share of unread bytes of the client's user."""
        self._protocol = request.protocol
        self._hold = hold
        self._unread: Held | None = None
        self._waiting: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether more can be written without filling the write buffer."""
        return not self._protocol.writing_paused

    def wrote(self) -> bool:
        """Update after a write. Returns whether more may be written.

        Raises `SocketClosedError` if the user leaves too much unread on all connections together.
        """
        if not self._protocol.writing_paused:
            self._unread = None
            return True
        transport = self._protocol.transport
        size = 0 if transport is None else transport.get_write_buffer_size()
        if size > UNREAD_BYTES:
            self._unread = self._unread or self._hold()
            if not self._unread.take(size):
                raise SocketClosedError(CloseCode.TOO_SLOW, "The client reads too slowly: reconnect and read faster")
        return False

    def leave(self) -> None:
        """Release the claim on the user's share when the connection ends."""
        self._unread = None

    async def room(self, within_seconds: float) -> bool:
        """Wait for room. Returns False on timeout. Returns True if the client has gone; the next write then fails."""
        if self.has_room:
            return True
        # All waiters share one task. aiohttp gives them a single future, and cancelling one waiter would cancel it for
        # all present and later ones.
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.create_task(self._wait())
        _, pending = await asyncio.wait([self._waiting], timeout=within_seconds)
        if not pending:
            self._unread = None
        return not pending

    async def all_taken(self, within_seconds: float) -> bool:
        """Wait until the write buffer is empty. Returns False once the client reads nothing for `within_seconds`."""
        transport = self._protocol.transport
        if transport is None:
            return False
        transport.set_write_buffer_limits(high=0)
        left = transport.get_write_buffer_size()
        while not await self.room(within_seconds):
            before, left = left, transport.get_write_buffer_size()
            if left == before:
                return False
        return True

    async def _wait(self) -> None:
        with suppress(ConnectionError):
            await drained(self._protocol)
