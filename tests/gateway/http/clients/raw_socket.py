"""A websocket client that sends exactly the frames it is told to, and reads no faster than it is told to."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from tests.gateway.http.clients.raw_client import RawClient
from tests.gateway.http.clients.raw_client import connected as raw_connection
from tests.gateway.toy import Served

CONTINUATION, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10

UPGRADE = (
    "GET /graphql HTTP/1.1",
    "Host: gateway",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: graphql-transport-ws",
)


def upgrade(*headers: str) -> bytes:
    """The request that asks for a websocket."""
    return "\r\n".join((*UPGRADE, *headers, "", "")).encode()


def frame(payload: bytes = b"", opcode: int = TEXT, *, final: bool = True) -> bytes:
    """A frame of a client. Its mask of zeros changes nothing."""
    return head(len(payload), opcode, final=final) + payload


def head(length: int, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """The beginning of a frame, up to its payload of this many bytes."""
    first = opcode | (0x80 if final else 0)
    if length < 126:
        return struct.pack("!BB", first, 0x80 | length) + bytes(4)
    if length < 2**16:
        return struct.pack("!BBH", first, 0x80 | 126, length) + bytes(4)
    return struct.pack("!BBQ", first, 0x80 | 127, length) + bytes(4)


def message(**members: Any) -> bytes:
    """A message of the protocol in one frame."""
    return frame(orjson.dumps(members))


def init(token: str | None = None) -> bytes:
    """The message that every socket begins with."""
    return message(type="connection_init", payload={"accessToken": token})


def subscribe(id: str, query: str) -> bytes:
    """The message that asks for an operation."""
    return message(type="subscribe", id=id, payload={"query": query})


@dataclass(slots=True)
class RawSocket:
    """One websocket."""

    raw: RawClient

    def send(self, *frames: bytes) -> None:
        self.raw.send(*frames)

    async def heard(self) -> tuple[int, bytes]:
        """The opcode and the payload of the next frame."""
        async with asyncio.timeout(20):
            first, length = await self.raw.reader.readexactly(2)
            if length == 126:
                (length,) = struct.unpack("!H", await self.raw.reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self.raw.reader.readexactly(8))
            return first & 0x0F, await self.raw.reader.readexactly(length)

    async def said(self) -> Any:
        """The next message of the protocol."""
        opcode, payload = await self.heard()
        assert opcode == TEXT, (opcode, payload)
        return orjson.loads(payload)

    async def closed(self) -> tuple[int, str]:
        """The code and the reason of the close frame that comes next, pings and messages passed over."""
        opcode, payload = await self.heard()
        while opcode != CLOSE:
            opcode, payload = await self.heard()
        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()


@asynccontextmanager
async def opened(served: Served, *headers: str) -> AsyncIterator[RawSocket]:
    """A websocket that is open and has said nothing yet."""
    async with raw_connection(served) as raw:
        raw.send(upgrade(*headers))
        answer = await raw.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        yield RawSocket(raw)
