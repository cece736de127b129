"""A client of websockets that costs little, so that the servers have the processor: frames are counted, not parsed.

It knows as much of the protocol as the servers under measurement speak: frames that are whole, not masked, not
compressed, one message each.
"""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import orjson

TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
_ACK = b'"connection_ack"'
_END = b"\r\n\r\n"
_AT_ONCE = 100
"""Sockets that are opened at the same time."""
_OTHER_FILES = 200
PATIENCE_SECONDS = 30.0

Take = Callable[["Socket", bytes, int, int], None]
"""Is given a message: the socket, and where in these bytes it begins and ends."""


class Lost(Exception):
    """A socket was closed that was to stay open, or was not answered as it was to be."""


class Socket(asyncio.Protocol):
    """One socket, initialised with a token."""

    def __init__(self, request: bytes, init: bytes) -> None:
        self._request = request
        self._init = init
        self._transport: asyncio.Transport | None = None
        self._upgraded = False
        self._rest = b""
        self.acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.take: Take = _acknowledge
        self.count = 0
        """How many messages a counting `take` has seen."""
        self.lost: str | None = None
        """Why it is closed; None while it is open."""

    def send(self, message: bytes) -> None:
        """Send a message, masked with zeros: nothing between here and the server is to be protected from it."""
        size = len(message)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2)
        self._write(bytes([TEXT]) + length + bytes(4) + message)

    def stall(self) -> None:
        """Stop reading."""
        assert self._transport is not None
        self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        assert self._transport is not None
        self._transport.resume_reading()

    def close(self) -> None:
        """Hang up."""
        self.take = ignore
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No check of its class: that of uvloop is none of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        if not self._upgraded and not (at := self._upgrade(data)):
            self._rest = data
            return
        while end - at > 1:
            length, start = data[at + 1], at + 2
            if length > 125:
                start = at + (4 if length == 126 else 10)
                length = int.from_bytes(data[at + 2 : start])
            if start + length > end:
                break
            if data[at] == TEXT:
                self.take(self, data, start, start + length)
            else:
                self._control(data[at], data[start : start + length])
            at = start + length
        self._rest = data[at:]

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(f"The server hung up: {error}")

    def _upgrade(self, data: bytes) -> int:
        """Where the frames begin; 0 while that is not known."""
        end = data.find(_END)
        if end < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101 "):
            self._lose(f"No websocket: {data[:300]!r}")
            return len(data)
        self._upgraded = True
        self.send(self._init)
        return end + len(_END)

    def _control(self, kind: int, payload: bytes) -> None:
        if kind == PING:
            self._write(bytes([PONG, 0x80 | len(payload)]) + bytes(4) + payload)
        elif kind == CLOSE:
            self._lose(f"closed with {int.from_bytes(payload[:2])}: {payload[2:].decode()}")
        else:
            self._lose(f"an unexpected frame, {kind:#x}")

    def _lose(self, why: str) -> None:
        self.lost = self.lost or why
        if not self.acknowledged.done():
            self.acknowledged.set_exception(Lost(why))

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)


def _acknowledge(connection: Socket, data: bytes, start: int, end: int) -> None:
    if _ACK not in data[start:end]:
        raise Lost(f"Not acknowledged: {data[start:end]!r}")
    connection.acknowledged.set_result(None)


def ignore(connection: Socket, data: bytes, start: int, end: int) -> None:
    """Take nothing more."""


def subscribe(document: str, **variables: Any) -> bytes:
    """The message that begins a subscription."""
    return orjson.dumps({"id": "1", "type": "subscribe", "payload": {"query": document, "variables": variables}})


def room_for(sockets: int) -> int:
    """Let this process, and those it starts, open so many sockets; how many of them the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sockets + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return sockets if soft == resource.RLIM_INFINITY else min(sockets, soft - _OTHER_FILES)


def require_open(sockets: Sequence[Socket]) -> None:
    """Raise `Lost` when one of them is not."""
    lost = [each.lost for each in sockets if each.lost]
    if lost:
        raise Lost(f"{len(lost)} of {len(sockets)} sockets: {lost[0]}")


@asynccontextmanager
async def opened(
    url: str, tokens: Sequence[str], *, like_remote: Callable[[int], bool] = lambda number: False
) -> AsyncIterator[list[Socket]]:
    """Sockets to a server, one for each token, acknowledged; closed at the end.

    `like_remote` says which of them, by number, are to hold as little in the system's buffers as those of a client far
    away that does not read: the loopback's hold megabytes.
    """
    sockets: list[Socket] = []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS * 2):
            for first in range(0, len(tokens), _AT_ONCE):
                numbered = list(enumerate(tokens))[first : first + _AT_ONCE]
                made = [_open(url, token, like_remote(number)) for number, token in numbered]
                found = await asyncio.gather(*made)
                sockets += found
                await asyncio.gather(*(each.acknowledged for each in found))
        yield sockets
    finally:
        for each in sockets:
            each.close()


async def _open(url: str, token: str, like_remote: bool) -> Socket:
    parts = urlsplit(url)
    host, _, port = parts.netloc.partition(":")
    lines = (
        "GET /graphql HTTP/1.1",
        f"Host: {parts.netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Protocol: graphql-transport-ws",
    )
    init = orjson.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}})
    made = Socket("\r\n".join(lines).encode() + _END, init)
    plain = socket.socket()
    plain.setblocking(False)
    if like_remote:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(plain, (host, int(port)))
    await loop.create_connection(lambda: made, sock=plain)
    return made
