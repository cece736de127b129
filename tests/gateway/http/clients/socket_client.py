"""A websocket client that says exactly what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.gateway.toy import Served

PROTOCOL = "graphql-transport-ws"
PATIENCE_SECONDS = 5


class SocketClient:
    """Speaks graphql-transport-ws, well or badly."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, message: Any) -> None:
        await self.socket.send_json(message)

    async def heard(self) -> Any:
        """The next message."""
        return await self.socket.receive_json(timeout=PATIENCE_SECONDS)

    async def closed(self) -> tuple[int | None, str]:
        """The close code and reason, which must be the next thing to come."""
        frame = await self.socket.receive(timeout=PATIENCE_SECONDS)
        assert frame.type is aiohttp.WSMsgType.CLOSE, frame
        return frame.data, str(frame.extra)

    async def init(self, payload: Any = None) -> None:
        await self.say({"type": "connection_init", "payload": payload})
        assert await self.heard() == {"type": "connection_ack"}

    async def subscribe(self, query: str, id: str = "1", **members: Any) -> None:
        await self.say({"id": id, "type": "subscribe", "payload": {"query": query, **members}})

    async def complete(self, id: str = "1") -> None:
        await self.say({"id": id, "type": "complete"})


@asynccontextmanager
async def connected(
    served: Served, *, protocols: tuple[str, ...] = (PROTOCOL,), headers: dict[str, str] | None = None
) -> AsyncIterator[SocketClient]:
    """A socket that is open and has said nothing yet."""
    async with (
        asyncio.timeout(30),
        aiohttp.ClientSession() as session,
        session.ws_connect(served.url, protocols=protocols, headers=headers) as socket,
    ):
        yield SocketClient(socket)
