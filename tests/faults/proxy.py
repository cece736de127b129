"""A TCP proxy on loopback that cuts connections, in the middle of a message if it comes to that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PIECE = 64 * 1024


@dataclass(slots=True, eq=False)
class _Connection:
    """Two sockets that are one connection for the client."""

    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    remaining: int | None = None
    """How many bytes the client still gets before the cut; None for as many as there are."""

    async def to_server(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(_PIECE):
            self.writers[1].write(piece)
            await self.writers[1].drain()

    async def to_client(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(_PIECE):
            if self.remaining is not None:
                piece = piece[: self.remaining]
                self.remaining -= len(piece)
            self.writers[0].write(piece)
            await self.writers[0].drain()
            if self.remaining == 0:
                return

    def cut(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


@dataclass(slots=True)
class Proxy:
    """Stands between clients and the server at `host` and `port`."""

    host: str
    port: int
    url: str = ""
    cuts: int = 0
    _connections: set[_Connection] = field(default_factory=set)

    def cut_after(self, count: int) -> None:
        """Cut each open connection once it has given its client so many more bytes; those that follow are lost."""
        for connection in self._connections:
            if connection.remaining is None:
                connection.remaining = count

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection((writer, server_writer))
        self._connections.add(connection)
        pumps = [
            asyncio.create_task(connection.to_server(reader)),
            asyncio.create_task(connection.to_client(server_reader)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.cuts += connection.remaining == 0
            self._connections.discard(connection)
            connection.cut()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """A proxy to the server of a URL, for as long as the block runs."""
    parts = urlsplit(url)
    proxy = Proxy(parts.hostname or "", parts.port or 80)
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        for connection in list(proxy._connections):
            connection.cut()
