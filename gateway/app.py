"""The composition: settings and a database in, a serving gateway out. The only place where the parts meet."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from aiohttp import web
from graphql import GraphQLSchema

from gateway import demo
from gateway.auth.account import Accounts
from gateway.auth.keyring import load_or_create
from gateway.auth.password import PasswordHasher
from gateway.auth.revocation import Revocations
from gateway.auth.throttle import ACCOUNT, ADDRESS, Throttle
from gateway.auth.token import TokenAuthority
from gateway.config import Settings
from gateway.context import Resources
from gateway.data.opening import OpenDatabase
from gateway.data.pool import OnStatement, Pool
from gateway.data.rules import Rules
from gateway.errors import ParleyError
from gateway.execution import Engine
from gateway.feed.broker import PostgresBroker
from gateway.feed.hub import Hub
from gateway.http import graphiql
from gateway.http.options import Options
from gateway.http.ports import Ready
from gateway.http.registry import SocketRegistry
from gateway.http.server import make_app, make_runner
from gateway.metrics import Instruments, MeasuredEngine
from gateway.schema.build import graphql_schema
from gateway.shared_port import cannot_listen

log = structlog.stdlib.get_logger("gateway")

_FEED_CONNECTIONS = 3
"""For the reader, for those who catch up, and for what a flood of requests must not hold up: revocations, readiness."""

_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that serves, and what its tests look into."""

    url: str
    resources: Resources
    sockets: SocketRegistry
    instruments: Instruments


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    database: OpenDatabase,
    *,
    listeners: Sequence[socket.socket] = (),
    on_statement: OnStatement | None = None,
    schema: GraphQLSchema | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway that serves on a database for as long as the block runs: the schema of `resolvers/`, or another.

    It listens on the sockets that it is given; without any, where the settings say.
    """
    async with contextlib.AsyncExitStack() as stack:
        pool = await Pool.open(
            database.runtime_url,
            size=settings.pool_size,
            wait_seconds=settings.pool_wait_seconds,
            on_statement=on_statement,
        )
        stack.push_async_callback(pool.close)
        feed_pool = await Pool.open(database.runtime_url, size=_FEED_CONNECTIONS, wait_seconds=10)
        stack.push_async_callback(feed_pool.close)
        sockets = SocketRegistry()
        accounts = _accounts(settings, sockets)
        stack.callback(accounts.passwords.close)
        await stack.enter_async_context(_kept_up(lambda: accounts.revocations.keep_reading(feed_pool)))
        broker = PostgresBroker(database.runtime_url)
        hub = await stack.enter_async_context(Hub(feed_pool, broker, poll_seconds=settings.feed_poll_seconds))
        resources = Resources(pool, hub, await _rules(pool), accounts)
        make_engine = Engine if settings.metrics_port is None else MeasuredEngine
        engine = make_engine(
            schema or graphql_schema(),
            introspection=settings.introspection,
            breadth_first=settings.executor == "breadth_first",
            deadline_seconds=settings.operation_seconds,
        )
        runner = _runner(settings, engine, resources, sockets, _readiness(feed_pool))
        url = await stack.enter_async_context(_listening(settings, runner, listeners))
        yield Gateway(url, resources, sockets, Instruments(engine, pool, hub, sockets))


def _runner(
    settings: Settings, engine: Engine, resources: Resources, sockets: SocketRegistry, ready: Ready
) -> web.AppRunner:
    options = _options(settings)
    app = make_app(
        engine,
        verify=resources.accounts.verify,
        contexts=resources,
        ready=ready,
        sockets=sockets,
        options=options,
        routes=_pages(settings, options),
    )
    return make_runner(app, options)


@contextlib.asynccontextmanager
async def _listening(
    settings: Settings, runner: web.AppRunner, listeners: Sequence[socket.socket]
) -> AsyncIterator[str]:
    await runner.setup()
    try:
        await _listen(settings, runner, listeners)
        yield url_of(*runner.addresses[0])
    finally:
        await runner.cleanup()


async def _listen(settings: Settings, runner: web.AppRunner, listeners: Sequence[socket.socket]) -> None:
    for each in listeners:
        await web.SockSite(runner, each).start()
    if not listeners:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            raise cannot_listen(settings.host, settings.port, error) from error


def _readiness(pool: Pool) -> Ready:
    """Ready when the database answers, on connections of its own: one that is only busy must not take us out."""

    async def ready() -> str | None:
        try:
            await pool.check()
        except ParleyError as error:
            return error.message
        return None

    return ready


def url_of(host: str, port: int, *_: object) -> str:
    """Where to go for what listens here; an address that stands for all of them is none to go to."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"


def _accounts(settings: Settings, sockets: SocketRegistry) -> Accounts:
    keys = load_or_create(settings.signing_keys)
    tokens = TokenAuthority(keys, issuer="parley", audience="parley", lifetime_seconds=settings.access_token_seconds)
    token_life = datetime.timedelta(seconds=settings.access_token_seconds)
    return Accounts(
        keys,
        tokens,
        PasswordHasher(),
        Revocations(token_life, sockets.close_session),
        refresh_life=datetime.timedelta(days=settings.refresh_token_days),
        session_life=datetime.timedelta(days=settings.session_days),
        by_account=Throttle(ACCOUNT.shared_by(settings.workers)),
        by_address=Throttle(ADDRESS.shared_by(settings.workers)),
    )


async def _rules(pool: Pool) -> Rules:
    async with pool.connection() as connection:
        return await Rules.read(connection)


def _options(settings: Settings) -> Options:
    return Options(
        trusted_origins=frozenset(settings.trusted_origins),
        trusted_proxies=settings.trusted_proxies,
        max_body_bytes=settings.max_body_bytes,
        max_subscriptions_per_socket=settings.max_subscriptions_per_socket,
        init_timeout_seconds=settings.init_timeout_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        shutdown_seconds=settings.shutdown_seconds,
    )


def _pages(settings: Settings, options: Options) -> list[web.RouteDef]:
    if not settings.graphiql:
        return []
    account = graphiql.Demo(demo.EMAIL, demo.PASSWORD) if settings.offers_demo else None
    return graphiql.routes(options.path, account)


@contextlib.asynccontextmanager
async def _kept_up(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Work that goes on for as long as the block runs, begun anew whenever it breaks off."""

    async def again_and_again() -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, we cannot do without this work
                log.error("task_broke_off", error=type(error).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)

    task = asyncio.create_task(again_and_again())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
