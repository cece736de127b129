"""A client that costs little, so that the servers have the processor: requests encoded beforehand, answers not parsed.

It knows as much of HTTP/1.1 as the servers under measurement speak: kept connections, and bodies with a length.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ERRORS = b'"errors"'


class WrongAnswer(Exception):
    """A server answered otherwise than it was to."""


def encoded(url: str, token: str, body: bytes) -> bytes:
    """A whole request to post `body`. Without a token, it is that of an anonymous client."""
    parts = urlsplit(url)
    lines = (
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        *([f"Authorization: Bearer {token}"] if token else []),
        "Content-Type: application/json",
        "Accept: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + _END + body


class Connection(asyncio.Protocol):
    """One kept connection, with one request on its way at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._received = bytearray()
        self._length = 0
        self.status = 0

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer; its status is left in `status`."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._received.clear()
        self._length = 0
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up, also on an answer that is still coming."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No check of its class: that of uvloop is none of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._length and not self._read_head():
            return
        if len(self._received) >= self._length and self._answer is not None and not self._answer.done():
            self._answer.set_result(bytes(self._received[self._received.index(_END) + len(_END) :]))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WrongAnswer("The server hung up."))

    def _read_head(self) -> bool:
        end = self._received.find(_END)
        if end < 0:
            return False
        self.status = int(self._received[9:12])
        length = _LENGTH.search(self._received, 0, end + 2)
        if length is None:
            raise WrongAnswer(f"An answer without a length: {bytes(self._received[:end])!r}")
        self._length = end + len(_END) + int(length[1])
        return True


@asynccontextmanager
async def connected(url: str, count: int) -> AsyncIterator[list[Connection]]:
    """Connections to a server, closed at the end."""
    host, _, port = urlsplit(url).netloc.partition(":")
    loop = asyncio.get_running_loop()
    connections: list[Connection] = []
    try:
        for _ in range(count):
            _, connection = await loop.create_connection(Connection, host, int(port))
            connections.append(connection)
        yield connections
    finally:
        for connection in connections:
            connection.close()


async def drive(connections: Sequence[Connection], requests: Sequence[bytes], seconds: float) -> int:
    """Keep every connection busy for so long, and at least with one request; how many were answered."""
    following = itertools.cycle(requests)
    end = perf_counter() + seconds

    async def ask_on(connection: Connection) -> int:
        answered = 0
        while not answered or perf_counter() < end:
            body = await connection.ask(next(following))
            check(connection.status, body)
            answered += 1
        return answered

    return sum(await asyncio.gather(*(ask_on(connection) for connection in connections)))


def check(status: int, body: bytes) -> None:
    """Raise `WrongAnswer` for anything but data."""
    if status != 200 or _ERRORS in body:
        raise WrongAnswer(f"{status}: {body[:500]!r}")
