"""A line between a client and the gateway that a test can cut, as a train does in a tunnel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 65_536


class Line:
    """Passes bytes on in both directions until it is cut; whoever dials in while it is cut is hung up on."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._cut = False
        self._transports: set[asyncio.WriteTransport] = set()
        self.refused = asyncio.Event()
        """Somebody dialled in while the line was cut."""
        self.url = ""

    def cut(self) -> None:
        """Break every connection without a goodbye, and let nobody in until the line is mended."""
        self._cut = True
        self.refused.clear()
        for transport in list(self._transports):
            transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self._cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one who dials in."""
        if self._cut:
            self.refused.set()
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer.transport, far_writer.transport}
        self._transports |= ends
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, far_writer))
                both.create_task(_pass_on(far_reader, writer))
        finally:
            self._transports -= ends
            for transport in ends:
                transport.abort()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()


@asynccontextmanager
async def line_to(url: str) -> AsyncIterator[Line]:
    """A line to a gateway; its own `url` is the one to give to clients."""
    parts = urlsplit(url)
    line = Line(parts.hostname or "127.0.0.1", parts.port or 80)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        line.cut()
        await server.wait_closed()
