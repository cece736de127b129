"""The web application: its routes, the headers of every response, and startup and shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.execution import Engine
from gateway.execution.contexts import Contexts
from gateway.http.answer import Events, events_accepted
from gateway.http.clock import Clock, SystemClock
from gateway.http.edge import Edge, catch_all
from gateway.http.free_port import SERVICE
from gateway.http.options import Options
from gateway.http.origin import cross_origin_headers
from gateway.http.plain.endpoint import Endpoint
from gateway.http.plain.server import Server
from gateway.http.plain.unreadable import MAX_HEADERS, MAX_LINE_BYTES
from gateway.http.plain.wire import COMMON_HEADERS
from gateway.http.request.bearer import Verify
from gateway.http.seats.admission import Admission
from gateway.http.seats.registry import SocketRegistry
from gateway.http.seats.room import Room
from gateway.http.seats.stopping import Stopping
from gateway.http.socket.websocket import WebsocketEndpoint
from gateway.http.stream.sse import EventStreamEndpoint
from gateway.live.live import Live

Ready = Callable[[], Awaitable[str | None]]
"""Returns None if requests can be served, otherwise the reason why not."""

# How long the rest of a refused body is read, so that its sender sees the refusal.
LINGERING_SECONDS = 2.0

CANCELLING_SECONDS = 1.0
"""For requests that did not finish in time and are cancelled."""

OVER_HTTP = web.AppKey("over_http", Endpoint)
SOCKETS = web.AppKey("sockets", SocketRegistry)
ROOM = web.AppKey("room", Room)
STOPPING = web.AppKey("stopping", Stopping)


def make_app(
    engine: Engine,
    *,
    verify: Verify,
    contexts: Contexts,
    ready: Ready,
    sockets: SocketRegistry,
    admission: Admission,
    live: Live | None = None,
    options: Options | None = None,
    routes: Iterable[web.AbstractRouteDef] = (),
    clock: Clock | None = None,
) -> web.Application:
    """Create the application. Serve it with `make_runner`, because it decompresses request bodies itself."""
    options = options or Options()
    stopping = Stopping()
    edge = Edge(engine, contexts, live or Live(engine, contexts), options.max_operations_per_user)
    over_http = Endpoint(edge, verify, options)
    clock = clock or SystemClock()
    over_websocket = WebsocketEndpoint(edge, verify, options, clock, sockets, admission)
    over_events = EventStreamEndpoint(over_http, clock, sockets, admission)

    async def graphql(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await over_websocket.handle(request)
        match events_accepted(request.headers.get("Accept")):
            case Events.ALWAYS:
                return await over_events.handle(request)
            case Events.FOR_SUBSCRIPTIONS:
                return await over_http.handle(request, stream=over_events.handle)
        return await over_http.handle(request)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        if stopping.begun and response.status != 101:
            response.force_close()
            response.headers["Connection"] = "close"
        response.headers.pop("Server", None)
        for name, value in COMMON_HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path in options.paths:
            response.headers.update(cross_origin_headers(request.headers, options))

    app = web.Application(middlewares=[catch_all], client_max_size=options.max_body_bytes)
    app[OVER_HTTP] = over_http
    app[SOCKETS] = sockets
    app[STOPPING] = stopping
    app[ROOM] = Room(options, admission.refuse)
    for path in options.paths:
        app.router.add_route("*", path, graphql)
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", _readiness(ready, stopping))
    app.add_routes(routes)
    app.on_response_prepare.append(add_headers)
    return app


def make_runner(app: web.Application, options: Options | None = None) -> AppRunner:
    """Create the runner for the application, to pass to `web.TCPSite` or similar. `cleanup()` stops it gracefully.

    A request whose client has gone is cancelled, so that it releases its resources.
    """
    options = options or Options()
    return AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,
        keepalive_timeout=options.keepalive_seconds,
        lingering_time=LINGERING_SECONDS,
        max_field_size=MAX_LINE_BYTES,
        max_headers=MAX_HEADERS,
        max_line_size=MAX_LINE_BYTES,
        shutdown_timeout=CANCELLING_SECONDS,
    )


class AppRunner(web.AppRunner):
    """Serves the application. Plain requests are answered before they reach it."""

    async def _make_server(self) -> web.Server:
        return Server(await super()._make_server(), self.app[OVER_HTTP], self.app[STOPPING], self.app[ROOM])

    def begin_to_stop(self) -> None:
        """Keep serving but send clients elsewhere: `/readyz` fails, and each response closes its connection."""
        self.app[STOPPING].begun = True

    async def shutdown(self) -> None:
        """Let requests finish, then tell the sockets to reconnect. Does neither if this task is being cancelled.

        The listeners are closed by now, so clients reconnect to another process.
        """
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return
        server, sockets, options = cast("Server", self.server), self.app[SOCKETS], self.app[OVER_HTTP].options
        deadline = asyncio.get_running_loop().time() + options.shutdown_seconds
        await server.closed_but(lambda: len(sockets), options.shutdown_seconds)
        late = len(server.connections) - len(sockets)
        await sockets.close_all(deadline, options.close_timeout_seconds)
        await server.closed_but(lambda: late, options.close_timeout_seconds)
        await super().shutdown()


async def _alive(_request: web.Request) -> web.Response:
    return web.json_response({"status": "alive", "service": SERVICE})


def _readiness(ready: Ready, stopping: Stopping) -> Handler:
    async def readiness(_request: web.Request) -> web.Response:
        reason = "The gateway is about to stop." if stopping.begun else await ready()
        if reason is None:
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not ready", "reason": reason}, status=503)

    return readiness
