"""Composes a serving gateway from settings and a database. The only place where all parts meet."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from aiohttp import web
from graphql import GraphQLSchema

from gateway import demo
from gateway.auth.authenticator import Authenticator
from gateway.auth.keyring import load_or_create
from gateway.auth.opaque.agent_token import AgentTokens
from gateway.auth.password import PasswordHasher
from gateway.auth.revocation import Revocations
from gateway.auth.throttle import ACCOUNT, ADDRESS, LOOK_UPS, SIGN_UPS, Throttle
from gateway.auth.token import TokenAuthority
from gateway.broker.choice import broker_for
from gateway.config import Settings
from gateway.context import Resources
from gateway.data.lease import keep_ending_abandoned_work
from gateway.data.pipeline import Pipelines
from gateway.data.pool import OnStatement, Pool
from gateway.data.rules import Rules
from gateway.data.server.opening import OpenDatabase
from gateway.data.setup.catalogue import Table, read_catalogue
from gateway.errors import ParleyError
from gateway.event_loop import measure_lag
from gateway.execution import Engine
from gateway.feed.hearing import hearing
from gateway.feed.hub import Hub
from gateway.feed.presence import Presence
from gateway.feed.signals import Signals
from gateway.http import chat, graphiql
from gateway.http.download import Downloads
from gateway.http.options import Options
from gateway.http.pages import Demo
from gateway.http.polar.signature import key_of
from gateway.http.polar.webhook import PolarWebhook
from gateway.http.seats.admission import Admission
from gateway.http.seats.registry import SocketRegistry
from gateway.http.server import OVER_HTTP, AppRunner, Ready, make_app, make_runner
from gateway.http.shared_port import cannot_listen, reachable, site
from gateway.live.live import Live
from gateway.monitoring.metrics import Instruments, MeasuredEngine
from gateway.monitoring.tracing import TracedEngine, Tracing, tracing
from gateway.outgoing.address import Reach
from gateway.outgoing.outgoing import Outgoing
from gateway.schema.agreement import refuse_disagreement
from gateway.schema.build import domain_modules, graphql_schema
from gateway.telemetry.histogram import Histogram
from gateway.vault.vault import Vault
from gateway.vault.wrapping import KeysFile
from gateway.work.afterwards import Afterwards
from gateway.work.api import Api
from gateway.work.counts import WorkCounts
from gateway.work.declaration import JobDeclaration, jobs_of
from gateway.work.driver import SEES_THE_QUEUE
from gateway.work.queue import Queue
from gateway.work.work import Resources as WorkResources
from gateway.work.worker import working

log = structlog.stdlib.get_logger("gateway")

_FEED_CONNECTIONS = 3
"""For the feed reader, for catching up, and for what a flood of requests must not delay: revocations, readiness."""

_LIVE_CONNECTIONS = 6
"""For reading the events of subscriptions, which must not queue behind the writes that cause them."""

_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway, and the parts that tests inspect."""

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
    jobs: Mapping[str, JobDeclaration] | None = None,
) -> AsyncIterator[Gateway]:
    """Serve a database for the duration of the block, with the schema and the jobs of `resolvers/` or those passed.

    Listens on `listeners` or, if there are none, on the address in the settings.
    """
    async with contextlib.AsyncExitStack() as stack:
        traces = await stack.enter_async_context(tracing()) if settings.traces else None

        async def pool_of(size: int, wait_seconds: float, **options: Any) -> Pool:
            opened = await Pool.open(database.runtime_url, size=size, wait_seconds=wait_seconds, **options)
            stack.push_async_callback(opened.close)
            return opened

        schema = schema or graphql_schema()
        jobs = jobs_of(domain_modules()) if jobs is None else jobs
        watched = {
            "on_statement": on_statement,
            "on_query": traces.statement if traces else None,
            "server_settings": {"app.lease_seconds": str(settings.lease_seconds)},
        }
        pool = await pool_of(settings.pool_size, settings.pool_wait_seconds, **watched)
        refuse_disagreement(schema, await _catalogue(pool))
        pipelines = Pipelines.of(pool) if settings.pipelining else None
        live_pool = await pool_of(_LIVE_CONNECTIONS, settings.pool_wait_seconds, **watched)
        feed_pool = await pool_of(_FEED_CONNECTIONS, 10)
        work_pool = await pool_of(_work_connections(settings), 10, **_of_work(settings))
        sockets = SocketRegistry()
        authenticator = _authenticator(settings, sockets, pool)
        stack.callback(authenticator.passwords.close)
        agents = authenticator.agents
        stack.push_async_callback(agents.close)
        await stack.enter_async_context(_supervised(lambda: agents.keep_recording(sockets.identities)))
        await stack.enter_async_context(_supervised(lambda: authenticator.revocations.keep_reading(feed_pool)))
        broker = broker_for(settings, database.runtime_url)
        signals = Signals(broker, authenticator.keys.refresh_key)
        hub = await stack.enter_async_context(Hub(feed_pool, broker, poll_seconds=settings.feed_poll_seconds))
        await stack.enter_async_context(hearing(broker, hub, signals))
        await stack.enter_async_context(
            _supervised(lambda: keep_ending_abandoned_work(feed_pool, settings.lease_seconds, hub.committed))
        )
        presence = await stack.enter_async_context(Presence(signals))
        vault = Vault(KeysFile(settings.signing_keys))
        outgoing = Outgoing(Reach(map(ipaddress.ip_network, settings.allowed_networks)))
        stack.push_async_callback(outgoing.close)
        afterwards = Afterwards(work_pool, hub.committed)
        await stack.enter_async_context(afterwards.running())
        rules, queue = await _rules(pool), Queue(work_pool)
        resources = Resources(
            pool, pipelines, hub, signals, presence, rules, authenticator, queue, vault, outgoing, afterwards
        )
        engine = _engine(settings, schema, traces)
        live_pipelines = Pipelines.of(live_pool) if settings.pipelining else None
        live = Live(engine, replace(resources, pool=live_pool, pipelines=live_pipelines))
        admission = Admission(_options(settings))
        runner = _runner(settings, engine, resources, live, sockets, admission, _readiness(feed_pool), work_pool)
        lags = Histogram()
        if settings.metrics_port is not None:
            await stack.enter_async_context(_supervised(lambda: measure_lag(lags)))
        counts = WorkCounts()
        if settings.work:
            api = Api(replace(resources, pool=work_pool, pipelines=None), lambda: schema)
            shared = WorkResources(work_pool, settings, hub.committed, asyncio.Event(), api, vault)
            await stack.enter_async_context(working(database.runtime_url, shared, jobs, counts))
        url = await stack.enter_async_context(_listening(settings, runner, listeners))
        refused = runner.app[OVER_HTTP].refused
        instruments = Instruments(engine, pool, pipelines, hub, live, broker, sockets, admission, refused, lags, counts)
        yield Gateway(url, resources, sockets, instruments)


@contextlib.asynccontextmanager
async def working_alone(
    settings: Settings, database: OpenDatabase, *, jobs: Mapping[str, JobDeclaration] | None = None
) -> AsyncIterator[WorkCounts]:
    """Run the background jobs of `resolvers/`, or those passed, for the duration of the block, and serve nothing."""
    async with contextlib.AsyncExitStack() as stack:
        jobs = jobs_of(domain_modules()) if jobs is None else jobs
        pool = await Pool.open(
            database.runtime_url, size=_work_connections(settings), wait_seconds=10, **_of_work(settings)
        )
        stack.push_async_callback(pool.close)
        broker = broker_for(settings, database.runtime_url)
        await broker.start(_Deaf())
        stack.push_async_callback(broker.close)
        counts = WorkCounts()
        # Queries need neither the feed, nor the rules for writes, nor keys.
        nothing: Any = None
        hub = Hub(pool, broker, poll_seconds=settings.feed_poll_seconds)
        vault = Vault(KeysFile(settings.signing_keys))
        queue = Queue(pool)
        resources = Resources(pool, None, hub, nothing, nothing, nothing, nothing, queue, vault, nothing, nothing)
        api = Api(resources, graphql_schema)
        shared = WorkResources(pool, settings, broker.publish, asyncio.Event(), api, vault)
        await stack.enter_async_context(working(database.runtime_url, shared, jobs, counts))
        yield counts


class _Deaf:
    """Listens to no other process: this one has no subscribers."""

    def hint(self, user_ids: Iterable[UUID]) -> None:
        """Do nothing."""

    def gap(self) -> None:
        """Do nothing."""

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """Do nothing."""


def _work_connections(settings: Settings) -> int:
    """One for each job, one for the queue, and one for requests that enqueue a job."""
    return settings.work_concurrency + 2 if settings.work else 1


def _of_work(settings: Settings) -> Mapping[str, Any]:
    return {"server_settings": {**SEES_THE_QUEUE, "app.lease_seconds": str(settings.lease_seconds)}}


def _engine(settings: Settings, schema: GraphQLSchema, traces: Tracing | None) -> Engine:
    options: dict[str, Any] = {
        "introspection": settings.introspection,
        "breadth_first": settings.executor == "breadth_first",
        "deadline_seconds": settings.operation_seconds,
        "operation_bytes": settings.max_operation_bytes,
    }
    if traces is not None:
        return TracedEngine(schema, tracing=traces, **options)
    return (Engine if settings.metrics_port is None else MeasuredEngine)(schema, **options)


def _runner(
    settings: Settings,
    engine: Engine,
    resources: Resources,
    live: Live,
    sockets: SocketRegistry,
    admission: Admission,
    ready: Ready,
    work_pool: Pool,
) -> AppRunner:
    options = _options(settings)
    app = make_app(
        engine,
        verify=resources.authenticator.verify,
        contexts=resources,
        ready=ready,
        sockets=sockets,
        live=live,
        admission=admission,
        options=options,
        routes=[
            *_pages(settings, options),
            *Downloads(resources.pool, resources.authenticator.keys.refresh_key).routes(),
            *_webhooks(settings, work_pool, resources.hub),
        ],
    )
    return make_runner(app, options)


@contextlib.asynccontextmanager
async def _listening(settings: Settings, runner: AppRunner, listeners: Sequence[socket.socket]) -> AsyncIterator[str]:
    await runner.setup()
    try:
        await _listen(settings, runner, listeners)
        yield url_of(*runner.addresses[0])
        runner.begin_to_stop()
        await asyncio.sleep(settings.drain_seconds)
    finally:
        await runner.cleanup()


async def _listen(settings: Settings, runner: web.AppRunner, listeners: Sequence[socket.socket]) -> None:
    for each in listeners:
        await web.SockSite(runner, each).start()
    if not listeners:
        try:
            await site(runner, settings.host, settings.port).start()
        except OSError as error:
            raise cannot_listen(settings.host, settings.port, error) from error


def _readiness(pool: Pool) -> Ready:
    """Ready if the database answers on a separate pool: a busy request pool must not fail the readiness probe."""

    async def ready() -> str | None:
        try:
            await pool.check()
        except ParleyError as error:
            return error.message
        return None

    return ready


def url_of(host: str, port: int, *_: object) -> str:
    """The URL of a server that listens on this address."""
    address = reachable(host)
    return f"http://{f'[{address}]' if ':' in address else address}:{port}"


def _authenticator(settings: Settings, sockets: SocketRegistry, pool: Pool) -> Authenticator:
    keys = load_or_create(settings.signing_keys)
    tokens = TokenAuthority(keys, issuer="parley", audience="parley", lifetime_seconds=settings.access_token_seconds)
    revocations = Revocations(datetime.timedelta(seconds=settings.access_token_seconds), sockets.revoke)
    return Authenticator(
        keys,
        tokens,
        AgentTokens(keys.refresh_key, pool, revocations, Throttle(LOOK_UPS.shared_by(settings.workers))),
        PasswordHasher(),
        revocations,
        refresh_life=datetime.timedelta(days=settings.refresh_token_days),
        session_life=datetime.timedelta(days=settings.session_days),
        by_account=Throttle(ACCOUNT.shared_by(settings.workers)),
        by_address=Throttle(ADDRESS.shared_by(settings.workers)),
        sign_ups=Throttle(replace(SIGN_UPS, free_attempts=settings.sign_ups_per_address).shared_by(settings.workers)),
    )


def connections_of(settings: Settings) -> int:
    """The most database connections that one process opens, with one each for the broker and to hear of new work."""
    at_work = _work_connections(settings) + settings.work
    return settings.pool_size + _LIVE_CONNECTIONS + _FEED_CONNECTIONS + at_work + 1


async def _catalogue(pool: Pool) -> Mapping[str, Table]:
    async with pool.connection() as connection:
        return await read_catalogue(connection)


async def _rules(pool: Pool) -> Rules:
    async with pool.connection() as connection:
        return await Rules.read(connection)


def _options(settings: Settings) -> Options:
    return Options(
        trusted_origins=frozenset(settings.trusted_origins),
        allowed_headers=settings.allowed_headers,
        trusted_proxies=settings.trusted_proxies,
        max_connections=settings.max_connections,
        max_connections_per_address=settings.max_connections_per_address,
        max_body_bytes=settings.max_body_bytes,
        max_subscriptions_per_socket=settings.max_subscriptions_per_socket,
        max_subscriptions_per_user=settings.max_subscriptions_per_user,
        max_subscriptions=settings.max_subscriptions,
        max_operations_per_user=settings.max_operations_per_user,
        max_sockets_per_user=settings.max_sockets_per_user,
        max_sockets_per_address=settings.max_sockets_per_address,
        max_sockets=settings.max_sockets,
        max_anonymous_sockets_per_address=settings.max_anonymous_sockets_per_address,
        max_anonymous_sockets=settings.max_anonymous_sockets,
        max_messages_per_second=settings.max_messages_per_second,
        init_timeout_seconds=settings.init_timeout_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        shutdown_seconds=settings.shutdown_seconds,
        traces=settings.traces,
    )


def _pages(settings: Settings, options: Options) -> list[web.RouteDef]:
    if not settings.graphiql:
        return []
    account = Demo(demo.EMAIL, demo.PASSWORD) if settings.offers_demo else None
    return [*graphiql.routes(options.path, account), *chat.routes(options.path, account)]


def _webhooks(settings: Settings, pool: Pool, hub: Hub) -> list[web.RouteDef]:
    keys = [key_of(secret.get_secret_value()) for secret in settings.polar_webhook_secret]
    return PolarWebhook(pool, keys, settings.polar_products, hub.committed).routes() if keys else []


@contextlib.asynccontextmanager
async def _supervised(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run a background task for the duration of the block, and restart it whenever it fails."""

    async def again_and_again() -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - the gateway cannot do without this task
                log.error("task_broke_off", error=type(error).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)

    task = asyncio.create_task(again_and_again())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
