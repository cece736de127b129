"""One websocket from its opening to its end: the rules of graphql-transport-ws, and all tasks that it owns.

The session's tasks live in one task group: a reader, the watches over time, and one task per operation.
Whoever finds that the socket must end sets the outcome, once. Then every task is cancelled and awaited before
the socket is closed, so the `finally` of each subscription has run when the session ends, however it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from aiohttp import WSMsgType, web

from gateway.auth.identity import Identity
from gateway.errors import Unauthenticated
from gateway.execution.complete import failed
from gateway.http import socket_message as say
from gateway.http.bearer import token_in
from gateway.http.edge import Edge
from gateway.http.options import Options
from gateway.http.outbox import Outbox
from gateway.http.ports import Client, Clock, Verify
from gateway.http.socket_close import CloseCode, SocketClosedError
from gateway.http.socket_message import Complete, Init, Message, Ping, Pong, Subscribe
from gateway.http.socket_operations import SocketOperations
from gateway.http.token_life import TokenLife


class _Ended(Exception):
    """Raised in the task group to cancel what is left in it: the session is over."""


class SocketSession:
    """Serves one client on one socket."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        edge: Edge,
        client: Client,
        *,
        verify: Verify,
        options: Options,
        clock: Clock,
    ) -> None:
        self._socket = socket
        self._verify = verify
        self._options = options
        self._outcome: asyncio.Future[SocketClosedError | None] = asyncio.get_running_loop().create_future()
        self._tasks = asyncio.TaskGroup()
        self._init_timeout: asyncio.Task[None] | None = None
        self._acknowledged = False
        self._outbox = Outbox(socket, options.send_timeout_seconds)
        self._token = TokenLife(
            self._tasks,
            clock,
            timedelta(seconds=options.expiry_warning_seconds),
            warn=self._warn_of_expiry,
            end=self._end_with_token,
        )
        self._operations = SocketOperations(
            edge,
            self._outbox,
            client,
            identity=lambda: self._token.identity,
            start=self._start,
            limit=options.max_subscriptions_per_socket,
        )

    @property
    def session_id(self) -> UUID | None:
        """The signed-in session of whoever is connected."""
        return self._token.identity.session_id if self._token.identity else None

    def end(self, outcome: SocketClosedError | None) -> None:
        """Let the session end: with this close frame, or without if the client has gone. The first counts."""
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    async def run(self) -> SocketClosedError | None:
        """Serve until either side ends it; returns what to close the socket with, if that is left to do."""
        try:
            async with self._tasks:
                self._start(self._read())
                self._init_timeout = self._start(self._await_init())
                await self._outcome
                raise _Ended
        except* _Ended:
            pass
        return self._outcome.result()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return self._tasks.create_task(self._guard(work))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        """Let whatever ends the work end the session in good order."""
        try:
            await work
        except SocketClosedError as error:
            self.end(error)
        except ConnectionError:
            self.end(None)
        except Exception as error:  # noqa: BLE001 - the outer edge
            reference = failed(error).errors[0]["extensions"]["reference"]
            self.end(SocketClosedError(CloseCode.INTERNAL, f"Something went wrong on our side: {reference}"))

    async def _read(self) -> None:
        while (frame := await self._socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            if frame.type is WSMsgType.BINARY:
                raise SocketClosedError(CloseCode.INVALID_MESSAGE, "The message is binary: send text.")
            await self._receive(say.read_message(frame.data))
        self.end(None)

    async def _receive(self, message: Message) -> None:
        match message:
            case Init():
                await self._init(message)
            case Ping():
                await self._ping(message)
            case Pong():
                pass
            case Subscribe():
                self._require_acknowledgement()
                await self._operations.subscribe(message.id, message.request)
            case Complete():
                await self._operations.stop(message.id)

    async def _await_init(self) -> None:
        await asyncio.sleep(self._options.init_timeout_seconds)
        raise SocketClosedError(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout")

    async def _init(self, message: Init) -> None:
        if self._acknowledged:
            raise SocketClosedError(CloseCode.TOO_MANY_INITS, "Too many initialisation requests")
        if (identity := self._identify(message.payload)) is not None:
            self._token.begin(identity)
        self._acknowledged = True
        if self._init_timeout is not None:
            self._init_timeout.cancel()
        await self._outbox.send(say.connection_ack())

    def _identify(self, payload: dict[str, Any]) -> Identity | None:
        try:
            token = token_in(payload)
            return None if token is None else self._verify(token)
        except Unauthenticated as error:
            raise SocketClosedError(CloseCode.FORBIDDEN, error.message) from None

    async def _ping(self, message: Ping) -> None:
        if (identity := self._identify(message.payload)) is None:
            return await self._outbox.send(say.pong(message.payload))
        self._require_acknowledgement()
        try:
            self._token.renew(identity)
        except Unauthenticated as error:
            raise SocketClosedError(CloseCode.FORBIDDEN, error.message) from None
        return await self._outbox.send(say.pong(_news("token-renewed", identity.expires_at)))

    async def _warn_of_expiry(self, expires_at: datetime) -> None:
        await self._guard(self._outbox.send(say.ping(_news("token-expiring", expires_at))))

    def _end_with_token(self) -> None:
        self.end(SocketClosedError(CloseCode.FORBIDDEN, "token expired: reconnect with a new one"))

    def _require_acknowledgement(self) -> None:
        if not self._acknowledged:
            raise SocketClosedError(CloseCode.UNAUTHORIZED, "Unauthorized: send connection_init first")


def _news(event: str, expires_at: datetime) -> dict[str, str]:
    return {"event": event, "expiresAt": expires_at.isoformat()}
