"""A TCP proxy on loopback that cuts a connection, in the middle of a message if it comes to that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PIECE = 64 * 1024


@dataclass(slots=True)
class Proxy:
    """Stands between one client and the server at `host` and `port`."""

    host: str
    port: int
    url: str = ""
    cuts: int = 0
    _remaining: int | None = None
    """How many bytes the client still gets before the cut; None for as many as there are."""
    _was_cut: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def cut(self, after: int) -> None:
        """Cut the connection once it has given the client so many more bytes. What follows them is lost."""
        self._remaining = after
        self._was_cut.clear()
        await self._was_cut.wait()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(self.host, self.port)
        both = {writer, server_writer}
        self._open |= both
        pumps = [
            asyncio.create_task(self._to_server(reader, server_writer)),
            asyncio.create_task(self._to_client(server_reader, writer)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        self._open -= both
        abort(both)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()

    async def _to_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            if self._remaining is not None:
                piece = piece[: self._remaining]
                self._remaining -= len(piece)
            writer.write(piece)
            await writer.drain()
            if self._remaining == 0:
                self._remaining = None
                self.cuts += 1
                self._was_cut.set()
                return

    def close(self) -> None:
        """End every connection."""
        abort(self._open)


def abort(writers: set[asyncio.StreamWriter]) -> None:
    """End connections without a word."""
    for writer in writers:
        writer.transport.abort()


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
        proxy.close()
