"""The web application: its routes, what every answer carries, and how it starts and stops."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.execution import Engine
from gateway.http.clock import SystemClock
from gateway.http.connection import Server
from gateway.http.edge import Edge, catch_all
from gateway.http.endpoint import Endpoint
from gateway.http.options import Options
from gateway.http.origin import cross_origin_headers
from gateway.http.ports import Clock, Contexts, Ready, Verify
from gateway.http.registry import SocketRegistry
from gateway.http.websocket import WebsocketEndpoint
from gateway.http.wire import COMMON_HEADERS

# How long a refused body is still read, so that its sender gets to see the refusal.
LINGERING_SECONDS = 2.0

OVER_HTTP = web.AppKey("over_http", Endpoint)


def make_app(
    engine: Engine,
    *,
    verify: Verify,
    contexts: Contexts,
    ready: Ready,
    sockets: SocketRegistry,
    options: Options | None = None,
    routes: Iterable[web.AbstractRouteDef] = (),
    clock: Clock | None = None,
) -> web.Application:
    """The application. Serve it with `make_runner`: it reads compressed bodies itself."""
    options = options or Options()
    edge = Edge(engine, contexts)
    over_http = Endpoint(edge, verify, options)
    over_websocket = WebsocketEndpoint(edge, verify, options, clock or SystemClock(), sockets)

    async def graphql(request: web.Request) -> web.StreamResponse:
        upgrades = request.headers.get("Upgrade", "").lower() == "websocket"
        return await (over_websocket if upgrades else over_http).handle(request)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.pop("Server", None)
        for name, value in COMMON_HEADERS.items():
            response.headers.setdefault(name, value)
        if request.path == options.path:
            response.headers.update(cross_origin_headers(request.headers, options))

    async def close_sockets(_app: web.Application) -> None:
        await sockets.close_all(options.close_timeout_seconds)

    app = web.Application(middlewares=[catch_all], client_max_size=options.max_body_bytes)
    app[OVER_HTTP] = over_http
    app.router.add_route("*", options.path, graphql)
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", _readiness(ready))
    app.add_routes(routes)
    app.on_response_prepare.append(add_headers)
    app.on_shutdown.append(close_sockets)
    return app


def make_runner(app: web.Application, options: Options | None = None) -> web.AppRunner:
    """What serves the application, for `web.TCPSite` and its like; `cleanup()` stops it gracefully.

    A request whose client has gone is cancelled, so that it gives back what it holds.
    """
    options = options or Options()
    return Runner(
        app,
        access_log=None,
        auto_decompress=False,
        handler_cancellation=True,
        lingering_time=LINGERING_SECONDS,
        shutdown_timeout=options.shutdown_seconds,
    )


class Runner(web.AppRunner):
    """Serves the application, with plain requests answered before they get to it."""

    async def _make_server(self) -> web.Server:
        return Server(await super()._make_server(), self.app[OVER_HTTP])


async def _alive(_request: web.Request) -> web.Response:
    return web.json_response({"status": "alive"})


def _readiness(ready: Ready) -> Handler:
    async def readiness(_request: web.Request) -> web.Response:
        reason = await ready()
        if reason is None:
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not ready", "reason": reason}, status=503)

    return readiness
