"""Opening and closing a websocket; `socket_session.py` has what happens in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from gateway.errors import Forbidden
from gateway.http.answer import JSON, HttpError
from gateway.http.client import client_of
from gateway.http.edge import Edge
from gateway.http.endpoint import refuse
from gateway.http.options import Options
from gateway.http.origin import may_connect
from gateway.http.ports import Clock, Verify
from gateway.http.registry import SocketRegistry
from gateway.http.socket_close import CloseCode, SocketClosedError, encode_reason
from gateway.http.socket_session import SocketSession

PROTOCOL = "graphql-transport-ws"

WRONG_PROTOCOL = SocketClosedError(
    CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, f"Subprotocol not acceptable: {PROTOCOL} is spoken here"
)
NOT_ALLOWED = HttpError(403, "Pages of this origin may not connect.", code=Forbidden.code)


@dataclass(frozen=True, slots=True)
class WebsocketEndpoint:
    """Answers the requests to the GraphQL path that ask for a websocket."""

    edge: Edge
    verify: Verify
    options: Options
    clock: Clock
    sockets: SocketRegistry

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until it is closed."""
        if not may_connect(request, self.options):
            return refuse(NOT_ALLOWED, JSON).response()
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,),
            heartbeat=self.options.heartbeat_seconds,
            max_msg_size=self.options.max_body_bytes,
            compress=False,
            timeout=self.options.close_timeout_seconds,
        )
        await socket.prepare(request)
        try:
            await self._close(socket, await self._serve(socket, request))
        finally:
            drop(request)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, request: web.Request) -> SocketClosedError | None:
        if socket.ws_protocol != PROTOCOL:
            return WRONG_PROTOCOL
        session = SocketSession(
            socket,
            self.edge,
            client_of(request.headers, request.remote, self.options),
            verify=self.verify,
            options=self.options,
            clock=self.clock,
        )
        with self.sockets.keeping(session):
            return await session.run()

    async def _close(self, socket: web.WebSocketResponse, outcome: SocketClosedError | None) -> None:
        if outcome is None:
            return
        try:
            async with asyncio.timeout(self.options.close_timeout_seconds):
                await socket.close(code=outcome.code, message=encode_reason(outcome.reason))
        except TimeoutError:
            pass  # the client does not read; `drop` ends it


def drop(request: web.Request) -> None:
    """Forget what a client has left unread: a transport that closes waits for ever to get rid of it."""
    transport = request.transport
    if transport is not None and transport.get_write_buffer_size():
        transport.abort()
