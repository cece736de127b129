"""An HTTP client that sends exactly the bytes it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import orjson

from gateway.http.plain.connection import Connection
from gateway.http.plain.server import Server
from tests.gateway.toy import Served

HELLO = b'{"query":"{ hello }"}'
WAIT = b'{"query":"{ wait }"}'


def post(body: bytes = HELLO, *headers: str, length: int | None = None) -> bytes:
    """A plain request, as most clients send it."""
    lines = (
        "POST /graphql HTTP/1.1",
        "Host: gateway",
        "Content-Type: application/json",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def chunked(body: bytes = HELLO, *headers: str) -> bytes:
    """The same request in a form that is not plain."""
    lines = ("POST /graphql HTTP/1.1", "Host: gateway", "Content-Type: application/json", "Transfer-Encoding: chunked")
    head = "\r\n".join((*lines, *headers, "", "")).encode()
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return head + chunk + b"0\r\n\r\n"


GET_HELLO = b"GET /graphql?query={hello} HTTP/1.1\r\nHost: gateway\r\n\r\n"
GET_WAIT = b"GET /graphql?query={wait} HTTP/1.1\r\nHost: gateway\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n"


@dataclass(slots=True)
class RawClient:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *requests: bytes) -> None:
        self.writer.write(b"".join(requests))

    async def pieces(self, *pieces: bytes) -> None:
        """Send the pieces so that each has left before the next."""
        for piece in pieces:
            self.send(piece)
            await self.writer.drain()
            await turns()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(20):
            status, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self.reader.readexactly(int(headers["Content-Length"]))
        return int(status.split()[1]), headers, body

    async def data(self) -> Any:
        """What an answer says, whole."""
        return orjson.loads((await self.answer())[2])

    async def ask(self, request: bytes) -> Any:
        self.send(request)
        return await self.data()

    async def closed(self) -> bool:
        """Whether the connection is closed, and nothing comes before that."""
        async with asyncio.timeout(20):
            return await self.reader.read() == b""


@asynccontextmanager
async def connected(served: Served, limit: int = 2**16) -> AsyncIterator[RawClient]:
    host, _, port = served.url.removeprefix("http://").removesuffix("/graphql").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=limit)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()


async def turns(count: int = 5) -> None:
    """Let the event loop, which client and gateway share, go round."""
    for _ in range(count):
        await asyncio.sleep(0)


def server_of(served: Served) -> Server:
    server = served.runner.server
    assert isinstance(server, Server)
    return server


def connections_of(served: Served) -> list[Connection]:
    """The connections, as the gateway has them."""
    return cast("list[Connection]", server_of(served).connections)


async def idle(served: Served) -> None:
    """Wait until aiohttp waits on each connection. This fails when aiohttp does not wait as it did."""
    async with asyncio.timeout(5):
        while not all(connection._waiter for connection in connections_of(served)):
            await turns(1)


async def warm(client: RawClient, served: Served, *requests: bytes) -> None:
    """Have the heads of these requests remembered. They are answered at once."""
    for request in requests:
        await idle(served)
        await client.ask(request)
