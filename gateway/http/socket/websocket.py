"""Opens and closes websockets. `session.py` serves them in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import web

from gateway.auth.client import Client
from gateway.http.answer import JSON, Reply
from gateway.http.clock import Clock
from gateway.http.close import CloseCode, SocketClosedError, encode_reason
from gateway.http.edge import Edge
from gateway.http.options import Options
from gateway.http.origin import NOT_ALLOWED, may_connect
from gateway.http.plain.endpoint import refuse
from gateway.http.request.bearer import Verify
from gateway.http.request.client import client_of
from gateway.http.seats.admission import Admission, NoRoom, Seat
from gateway.http.seats.registry import SocketRegistry
from gateway.http.socket.session import SocketSession

PROTOCOL = "graphql-transport-ws"

WRONG_PROTOCOL = SocketClosedError(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, f"Subprotocol not acceptable: use {PROTOCOL}")


@dataclass(frozen=True, slots=True)
class WebsocketEndpoint:
    """Handles requests to the GraphQL path that ask for a websocket."""

    edge: Edge
    verify: Verify
    options: Options
    clock: Clock
    sockets: SocketRegistry
    admission: Admission

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until it is closed, or refuse the upgrade."""
        if not may_connect(request, self.options):
            return _refused(refuse(NOT_ALLOWED, JSON))
        client = client_of(request.headers, request.remote, self.options)
        try:
            with self.admission.seat(client) as seat:
                return await self._handle(request, client, seat)
        except NoRoom as error:
            return _refused(error.reply())

    async def _handle(self, request: web.Request, client: Client, seat: Seat) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,),
            autoping=False,
            autoclose=False,
            heartbeat=self.options.heartbeat_seconds,
            max_msg_size=self.options.max_body_bytes,
            compress=False,
            timeout=self.options.close_timeout_seconds,
        )
        await socket.prepare(request)
        try:
            await self._close(socket, await self._serve(socket, request, client, seat))
        finally:
            drop(request)
        return socket

    async def _serve(
        self, socket: web.WebSocketResponse, request: web.Request, client: Client, seat: Seat
    ) -> SocketClosedError | None:
        if socket.ws_protocol != PROTOCOL:
            return WRONG_PROTOCOL
        session = SocketSession(
            socket,
            request,
            self.edge,
            client,
            seat,
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


def _refused(reply: Reply) -> web.Response:
    """Refuse an upgrade, and close the connection, because what follows may not be HTTP."""
    response = reply.response()
    response.force_close()
    return response


def drop(request: web.Request) -> None:
    """Discard unread data. A closing transport would wait for ever for the client to read it."""
    transport = request.transport
    if transport is not None and transport.get_write_buffer_size():
        transport.abort()
