"""Sending to one socket: one message after the other, each waiting until the client takes it."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from gateway.http.socket_close import CloseCode, SocketClosedError


class Outbox:
    """Serialises what the tasks of a socket send, and gives up on a client that has stopped reading."""

    def __init__(self, socket: web.WebSocketResponse, timeout_seconds: float) -> None:
        self._socket = socket
        self._timeout_seconds = timeout_seconds
        self._turn = asyncio.Lock()

    async def send(self, message: bytes) -> None:
        """Send the message. Waiting here is what holds back the source of a subscription."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    await self._socket.send_frame(message, WSMsgType.TEXT)
            except TimeoutError:
                raise SocketClosedError(
                    CloseCode.TOO_SLOW,
                    "Messages are not being read: connect again and resume from the last cursor",
                ) from None
