"""A TCP proxy between clients and a gateway that a test can cut, as a tunnel cuts off a train."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit


class Line:
    """Forwards bytes in both directions until it is cut. While it is cut, it aborts new connections."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._open = True
        self._calls: set[_Call] = set()
        self.url = ""
        """The URL for clients."""
        self.cuts = 0
        """How many connections were cut, by `cut` or by `cut_one`."""
        self.refused = asyncio.Event()
        """Set when a client tries to connect while the line is cut."""

    def cut(self) -> None:
        """Abort every connection, and refuse new ones until the line is mended."""
        self._open = False
        self.refused.clear()
        for call in list(self._calls):
            call.cut()

    def mend(self) -> None:
        """Accept connections again."""
        self._open = True

    async def cut_one(self, dice: random.Random, most_bytes: int = 600) -> bool:
        """Cut one connection after a random number of further bytes to its client, possibly in the middle of a message.

        The bytes after them are lost. Returns False if the connection ended by itself, or if there was none.
        """
        calls = sorted((call for call in self._calls if call.remaining is None), key=lambda call: call.number)
        if not calls:
            return False
        call = dice.choice(calls)
        call.remaining = dice.randrange(1, most_bytes)
        await call.ended.wait()
        return call.was_cut

    async def dial(self, client: _End) -> None:
        """Connect a new client to the gateway."""
        if not self._open:
            self.refused.set()
            client.transport.abort()
            return
        call = client.call
        try:
            await asyncio.get_running_loop().create_connection(lambda: call.server, self._host, self._port)
        except OSError:
            client.transport.abort()
            return
        if not self._open or client.transport.is_closing():
            call.end()
            return
        self._calls.add(call)
        call.answered()


class _Call:
    """One connection through the line."""

    _last = 0

    def __init__(self, line: Line) -> None:
        _Call._last += 1
        self.number = _Call._last
        self.line = line
        self.client = _End(self)
        self.server = _End(self)
        self.remaining: int | None = None
        """How many bytes the client still receives before the cut; None for no limit."""
        self.was_cut = False
        self._early: list[bytes] | None = []
        """What the client sent before the gateway was connected; None once it is."""
        self.ended = asyncio.Event()

    def answered(self) -> None:
        """Send on what the client sent before the gateway was connected."""
        early, self._early = self._early or [], None
        for data in early:
            self.server.transport.write(data)

    def pass_on(self, source: _End, data: bytes) -> None:
        if source is self.client and self._early is not None:
            self._early.append(data)
            return
        target = self.client if source is self.server else self.server
        if not target.connected or target.transport.is_closing():
            return
        if target is self.client and self.remaining is not None:
            data = data[: self.remaining]
            self.remaining -= len(data)
        target.transport.write(data)
        if self.remaining == 0:
            # Close gracefully, so that the client still receives what was forwarded.
            self._count_cut()
            self.client.transport.close()
            self.server.transport.abort()

    def cut(self) -> None:
        self._count_cut()
        self.end()

    def end(self) -> None:
        for each in (self.client, self.server):
            if each.connected:
                each.transport.abort()

    def _count_cut(self) -> None:
        if not self.was_cut:
            self.was_cut = True
            self.line.cuts += 1

    def ended_at(self, source: _End) -> None:
        """Close the other end too, once it has received what was on its way."""
        self.line._calls.discard(self)
        other = self.client if source is self.server else self.server
        if other.connected:
            other.transport.close()
        self.ended.set()


class _End(asyncio.Protocol):
    """One end of a call. While its write buffer is full, the other end pauses reading."""

    transport: asyncio.Transport

    def __init__(self, call: _Call) -> None:
        self.call = call
        self.connected = False

    @property
    def _other(self) -> _End:
        return self.call.client if self is self.call.server else self.call.server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.connected = cast("asyncio.Transport", transport), True
        if self is self.call.client:
            self._dialling = asyncio.get_running_loop().create_task(self.call.line.dial(self))

    def data_received(self, data: bytes) -> None:
        self.call.pass_on(self, data)

    def pause_writing(self) -> None:
        self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        self._other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connected = False
        self.call.ended_at(self)


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    """Open a line to the gateway at `url`. Clients use the `url` of the line."""
    parts = urlsplit(url)
    line = Line(parts.hostname or "127.0.0.1", parts.port or 80)
    server = await asyncio.get_running_loop().create_server(lambda: _Call(line).client, "127.0.0.1", 0)
    line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        line.cut()
        await server.wait_closed()
