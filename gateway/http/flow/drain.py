"""Waiting for a client to take what was written to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from gateway.fairness.shares import Held
from gateway.http.aiohttp_private import drained
from gateway.http.close import CloseCode, SocketClosedError

UNREAD_BYTES = 256 * 1024
"""So much of each connection may be left unread without asking."""


class Drain:
    """How one client takes what is written to its connection."""

    __slots__ = ("_hold", "_protocol", "_unread", "_waiting")

    def __init__(self, request: web.BaseRequest, hold: Callable[[], Held]) -> None:
        """`hold` gives what the client's user takes for unread bytes."""
        self._protocol = request.protocol
        self._hold = hold
        self._unread: Held | None = None
        self._waiting: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether more may be written, without piling up here."""
        return not self._protocol.writing_paused

    def wrote(self) -> bool:
        """To be called after each write: whether more may be written.

        Raises `SocketClosedError` when the user leaves too much unread, here and on other connections.
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
        """Nothing of the user's share is held any more: the connection ends."""
        self._unread = None

    async def room(self, within_seconds: float) -> bool:
        """Wait for room; says whether there is any in time. There is when the client has gone: who writes is told."""
        if self.has_room:
            return True
        # One task for all who wait: aiohttp gives them one future, which the first to be cancelled would cancel for
        # all, and for whoever asks later.
        if self._waiting is None or self._waiting.done():
            self._waiting = asyncio.create_task(self._wait())
        _, pending = await asyncio.wait([self._waiting], timeout=within_seconds)
        if not pending:
            self._unread = None
        return not pending

    async def all_taken(self, within_seconds: float) -> bool:
        """Wait until nothing is left here, for as long as something is taken within the time."""
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
