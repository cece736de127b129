"""GraphQL over server-sent events: the protocol of graphql-sse in its distinct connections mode, on the GraphQL path.

A subscription whose client accepts `text/event-stream` is answered by a stream, and so is every operation of a client
that accepts nothing else. `Last-Event-ID` replaces a subscription's `after`. Errors in the request itself are reported
by an HTTP status, and errors in the operation in the stream, as the protocol requires.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import web

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.errors import ParleyError
from gateway.execution.complete import failed
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import OperationRequest, RequestErrors
from gateway.http.answer import JSON, HttpError
from gateway.http.clock import Clock
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.origin import NOT_ALLOWED, may_connect
from gateway.http.plain.endpoint import Endpoint, refuse_what_http_cannot
from gateway.http.request.client import client_of
from gateway.http.seats.admission import Admission, NoRoom, Seat
from gateway.http.seats.registry import SocketRegistry
from gateway.http.socket.websocket import drop
from gateway.http.stream.event_stream import EventStream

EXPIRED = SocketClosedError(CloseCode.FORBIDDEN, "token expired: reconnect with a new one")


@dataclass(frozen=True, slots=True)
class EventStreamEndpoint:
    """Handles requests to the GraphQL path that accept an event stream."""

    over_http: Endpoint
    clock: Clock
    sockets: SocketRegistry
    admission: Admission

    async def handle(self, request: web.Request, operation: Operation | None = None) -> web.StreamResponse:
        """Stream the answers of one operation, or refuse the request. `operation` is passed if it was read already."""
        options = self.over_http.options
        if not may_connect(request, options):
            return self.over_http.refuse(NOT_ALLOWED, JSON).response()
        try:
            client = client_of(request.headers, request.remote, options)
            with self.admission.seat(client) as seat:
                return await self._handle(request, operation, client, seat)
        except NoRoom as error:
            return error.reply().response()
        except (HttpError, ParleyError) as error:
            return self.over_http.refuse(error, JSON).response()

    async def _handle(
        self, request: web.Request, operation: Operation | None, client: Client, seat: Seat
    ) -> web.StreamResponse:
        options = self.over_http.options
        identity = await self.over_http.identify(request, client)
        if identity is not None:
            seat.sign_in(identity.user_id)
        stream = EventStream(
            request,
            identity,
            lambda: self.over_http.edge.engine.unread.hold(seat.user_id or client.address),
            heartbeat_seconds=options.heartbeat_seconds,
            drain_seconds=options.send_timeout_seconds,
        )
        # Registered before the body is read, so that a session revoked meanwhile gets no stream.
        with self.sockets.keeping(stream):
            work = operation or self._work(await self.over_http.read(request), request.method)
            try:
                return await self._stream(stream, request, work, _Caller(identity, client, seat))
            finally:
                stream.leave()
                drop(request)

    def _work(self, asked: OperationRequest, method: str) -> Operation | RequestErrors:
        """The prepared operation, or its errors."""
        try:
            operation = self.over_http.edge.engine.prepare(asked)
        except RequestErrors as errors:
            return errors
        if operation.kind != "subscription":
            refuse_what_http_cannot(operation.kind, method)
        return operation

    async def _stream(
        self, stream: EventStream, request: web.Request, work: Operation | RequestErrors, caller: _Caller
    ) -> web.StreamResponse:
        with ExitStack() as stack:
            if isinstance(work, Operation) and work.kind == "subscription":
                stack.enter_context(caller.seat.subscription())
                stack.callback(self._end_with_token(stream, caller.identity))
                stream.is_busy = False
            await stream.begin(request)
            await stream.ending.run(self._serve(stream, work, caller, request.headers.get("Last-Event-ID")))
            return await stream.finish(self.over_http.options.close_timeout_seconds)

    def _end_with_token(self, stream: EventStream, identity: Identity | None) -> Callable[[], None]:
        """End the stream when the token expires. Returns a function that cancels this."""
        if identity is None:
            return lambda: None
        return self.clock.at(identity.expires_at, lambda: stream.end(EXPIRED)).cancel

    async def _serve(
        self, stream: EventStream, work: Operation | RequestErrors, caller: _Caller, after: str | None
    ) -> None:
        edge, identity = self.over_http.edge, caller.identity
        if isinstance(work, RequestErrors):
            stream.complete(failed(work))
        elif work.kind == "subscription":
            stream.complete(await edge.live.serve(work, lambda: identity, caller.client, stream, after=after or None))
        else:
            stream.complete(await edge.answer(work, identity, caller.client))


class _Caller(NamedTuple):
    identity: Identity | None
    client: Client
    seat: Seat
