"""One websocket session: the rules of graphql-transport-ws, and all tasks of the socket.

The session reads in the task that runs it; its operations run in one task group. The first reason to end the socket is
the outcome. Every task is then cancelled and awaited before the socket is closed, so the `finally` of each subscription
has run when the session ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from aiohttp import WSMsgType, web

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.errors import Overloaded, Unauthenticated, Unavailable
from gateway.http.clock import Clock
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.edge import Edge
from gateway.http.flow.ending import Ending
from gateway.http.flow.framing import may_be_sent
from gateway.http.flow.intake import Intake
from gateway.http.flow.pace import Pace
from gateway.http.options import Options
from gateway.http.request.bearer import Verify, identity_of, token_in
from gateway.http.seats.admission import NoRoom, Seat
from gateway.http.socket import message as say
from gateway.http.socket.message import Complete, Init, Message, Ping, Pong, Subscribe
from gateway.http.socket.operations import SocketOperations
from gateway.http.socket.outbox import Outbox
from gateway.http.socket.token_life import TokenLife

MAX_AHEAD_BYTES = 1024 * 1024
"""Allowance for complete messages that the network and aiohttp buffer before backpressure applies."""


class _Ended(Exception):
    """Raised in the task group to cancel the remaining tasks when the session is over."""


class SocketSession:
    """Serves one client on one socket."""

    __slots__ = (
        "_acknowledged",
        "_client",
        "_ending",
        "_init_timeout",
        "_intake",
        "_operations",
        "_options",
        "_outbox",
        "_pace",
        "_seat",
        "_socket",
        "_tasks",
        "_token",
        "_verify",
    )

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.Request,
        edge: Edge,
        client: Client,
        seat: Seat,
        *,
        verify: Verify,
        options: Options,
        clock: Clock,
    ) -> None:
        self._socket = socket
        self._client = client
        self._seat = seat
        self._verify = verify
        self._options = options
        self._ending = Ending()
        self._tasks = asyncio.TaskGroup()
        self._init_timeout: asyncio.TimerHandle | None = None
        self._acknowledged = False
        self._intake = Intake.of(request)
        self._pace = Pace(options.max_messages_per_second, at_once=2 * options.max_messages_per_second)
        self._outbox = Outbox(
            socket,
            request,
            lambda: edge.engine.unread.hold(seat.user_id or client.address),
            options.send_timeout_seconds,
        )
        self._token = TokenLife(
            clock,
            timedelta(seconds=options.expiry_warning_seconds),
            warn=self._warn_of_expiry,
            end=self._end_with_token,
        )
        self._operations = SocketOperations(
            edge,
            self._outbox,
            client,
            seat,
            identity=lambda: self._token.identity,
            start=self._start,
            most_subscriptions=options.max_subscriptions_per_socket,
            most_answers=options.max_answers_per_socket,
        )
        self._intake.attach(self._refuse_intake)

    @property
    def identity(self) -> Identity | None:
        """Who is signed in, if anybody is."""
        return self._token.identity

    @property
    def is_busy(self) -> bool:
        """Whether a query or a mutation is running."""
        return self._operations.is_busy

    def end(self, outcome: SocketClosedError | None) -> None:
        """End the session with this close frame, or without one if the client has gone. The first call counts."""
        self._ending.end(outcome)

    async def run(self) -> SocketClosedError | None:
        """Serve until either side ends the session. Returns the close frame that is still to be sent, if any."""
        late = SocketClosedError(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout")
        loop = asyncio.get_running_loop()
        self._init_timeout = loop.call_later(self._options.init_timeout_seconds, self.end, late)
        try:
            async with self._tasks:
                await self._ending.run(self._read())
                raise _Ended
        except* _Ended:
            pass
        finally:
            self._init_timeout.cancel()
            self._token.stop()
            self._outbox.leave()
        return self._ending.reason

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._tasks.create_task(self._ending.guard(work))
        # A task that is cancelled before it starts never awaits its coroutine.
        task.add_done_callback(lambda _: work.close())
        return task

    async def _read(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            frame = await self._socket.receive()
            self._intake.consumed()
            match frame.type:
                case WSMsgType.TEXT:
                    await self._receive(say.read_message(frame.data))
                case WSMsgType.PING:
                    await self._socket.pong(frame.data)
                case WSMsgType.PONG:
                    pass
                case WSMsgType.BINARY:
                    raise SocketClosedError(CloseCode.INVALID_MESSAGE, "The message is binary: send text messages.")
                case WSMsgType.CLOSE:
                    return await self._answer_close(frame.data)
                case _:
                    return None
            # Yield to the event loop at least once, so that a client that sends a lot does not block others.
            await asyncio.sleep(max(0, self._pace.wait_seconds(now())))

    async def _answer_close(self, code: int) -> None:
        if code and not may_be_sent(code):
            raise SocketClosedError(CloseCode.BROKEN_FRAME, f"a close frame has the invalid code {code}")
        # After its close frame, the client has no use for buffered data.
        await self._socket.close(drain=False)

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
                await self._operations.subscribe(message.id, message.payload)
            case Complete():
                await self._operations.stop(message.id)

    async def _init(self, message: Init) -> None:
        if self._acknowledged:
            raise SocketClosedError(CloseCode.TOO_MANY_INITS, "Too many initialisation requests")
        if (identity := await self._identify(message.payload)) is not None:
            self._sign_in(identity)
        self._acknowledged = True
        if self._init_timeout is not None:
            self._init_timeout.cancel()
        await self._outbox.send(say.connection_ack())

    def _sign_in(self, identity: Identity) -> None:
        try:
            self._seat.sign_in(identity.user_id)
        except NoRoom as error:
            raise SocketClosedError(CloseCode.NO_ROOM, error.message) from None
        self._intake.limit = 2 * self._options.max_body_bytes + MAX_AHEAD_BYTES
        self._token.begin(identity)

    async def _identify(self, payload: dict[str, Any]) -> Identity | None:
        try:
            token = token_in(payload)
            return None if token is None else await identity_of(lambda: self._verify(token), self._client)
        except Unauthenticated as error:
            raise SocketClosedError(CloseCode.FORBIDDEN, error.message) from None
        except (Overloaded, Unavailable) as error:
            raise SocketClosedError(CloseCode.UNAVAILABLE, error.message) from None

    async def _ping(self, message: Ping) -> None:
        if (identity := await self._identify(message.payload)) is None:
            return await self._outbox.send(say.pong(message.payload))
        self._require_acknowledgement()
        try:
            self._token.renew(identity)
        except Unauthenticated as error:
            raise SocketClosedError(CloseCode.FORBIDDEN, error.message) from None
        return await self._outbox.send(say.pong(_news("token-renewed", identity.expires_at)))

    def _warn_of_expiry(self, expires_at: datetime) -> None:
        if not self._ending.has_ended:
            self._start(self._outbox.send(say.ping(_news("token-expiring", expires_at))))

    def _end_with_token(self) -> None:
        self.end(SocketClosedError(CloseCode.FORBIDDEN, "token expired: reconnect with a new one"))

    def _refuse_intake(self, refusal: SocketClosedError) -> None:
        if refusal.code is CloseCode.TOO_LARGE and not self.identity:
            refusal = SocketClosedError(refusal.code, f"{refusal.reason}: send connection_init with a token first")
        self.end(refusal)

    def _require_acknowledgement(self) -> None:
        if not self._acknowledged:
            raise SocketClosedError(CloseCode.UNAUTHORIZED, "Unauthorized: send connection_init first")


def _news(event: str, expires_at: datetime) -> dict[str, str]:
    return {"event": event, "expiresAt": expires_at.isoformat()}
