"""`GET /metrics`: the numbers of all processes of this gateway in the text format of Prometheus, on a port of its own.

Each number carries the number of the worker that counted it. A worker that is started again counts from zero again,
which is what Prometheus expects of a process, and the label keeps the others' counts apart from that.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address

from aiohttp import web
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.http.aiohttp_private import connection_settings
from gateway.http.shared_port import site
from gateway.monitoring.metrics import Sample
from gateway.refusal import Refusal

FAMILIES = {
    "parley_build_info": ("gauge", "Always 1; the labels hold the version of Parley and of Python."),
    "process_cpu_seconds": ("counter", "CPU time that the process has used, in user and system mode."),
    "process_resident_memory_bytes": ("gauge", "Physical memory that the process holds."),
    "process_virtual_memory_bytes": ("gauge", "Address space of the process."),
    "process_start_time_seconds": ("gauge", "When the process started, in seconds since 1970."),
    "process_open_fds": ("gauge", "File descriptors that the process has open."),
    "parley_worker_up": ("gauge", "Whether the worker answers."),
    "parley_worker_starts": ("counter", "How often the worker was started."),
    "parley_operations": ("counter", "Operations by the way that they ran, and why not breadth-first."),
    "parley_operations_running": ("gauge", "Queries and mutations that run."),
    "parley_operation_duration_seconds": ("histogram", "Time from a prepared query or mutation to its answer."),
    "parley_operations_answered": ("counter", "Queries and mutations by whether their answer holds errors."),
    "parley_requests_refused": ("counter", "Requests that were refused before they were read as GraphQL, by status."),
    "parley_errors": ("counter", "Errors in answers, by their code."),
    "parley_documents": ("counter", "Operations by whether their text was in the cache."),
    "parley_sockets_open": ("gauge", "Websockets and event streams that are open."),
    "parley_sockets_refused": ("counter", "Sockets, streams and subscriptions that there was no room for, by the cap."),
    "parley_subscriptions_running": ("gauge", "Subscriptions that run, by the name of their operation."),
    "parley_subscription_groups": ("gauge", "Distinct subscriptions that run, each once for all who share it."),
    "parley_subscription_drops": ("counter", "How often a subscriber who took too little had its events dropped."),
    "parley_resyncs": ("counter", "Subscriptions that ended because they could not be continued from their cursor."),
    "parley_events_sent": ("counter", "Events that subscriptions sent."),
    "parley_event_runs": ("counter", "Runs of subscriptions on events, each for everybody who shares it."),
    "parley_delivery_latency_seconds": ("histogram", "Time from a writing transaction to the subscriber's transport."),
    "parley_feeds_followed": ("gauge", "Users whose changes are followed."),
    "parley_feed_lag_seconds": ("gauge", "Time since the followed feeds were last read."),
    "parley_hints": ("counter", "Hints of changes to and from other processes."),
    "parley_signals_sent": ("counter", "Signals sent to other processes."),
    "parley_broker_dropped": ("counter", "Hints and signals that were given up for want of a broker."),
    "parley_broker_reconnects": ("counter", "How often the connection to the broker was made anew."),
    "parley_pool_connections": ("gauge", "Database connections of the pool that serves requests, by state."),
    "parley_pool_connections_allowed": ("gauge", "Most database connections that this pool opens."),
    "parley_pool_waiting": ("gauge", "Operations that wait for a database connection."),
    "parley_pool_wait_seconds": ("histogram", "Time that operations waited for a database connection, if they had to."),
    "parley_pipelines": ("counter", "Transactions that several operations had together, by whether they write."),
    "parley_pipeline_statements": ("counter", "Statements of these."),
    "parley_event_loop_lag_seconds": ("histogram", "How late the event loop got to what was due."),
}
"""Each family of metrics, with its type and its description."""

Readings = Mapping[int, Sequence[Sample]]
"""What each worker counted, by its number."""

Collect = Callable[[], Awaitable[Readings]]


HOST = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", re.ASCII)

NOT_OUR_NAME = "Metrics are not served under this name. Set PARLEY_METRICS_NAMES.\n"


class _Connection(web.RequestHandler):
    """A connection that says nothing about what serves it when it cannot read a request, and logs nothing of it."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        response = web.Response(status=status, headers={"Server": "Parley"})
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=asyncio.get_running_loop(), **connection_settings(self))


class _Runner(web.AppRunner):
    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, **connection_settings(made))


class _Collector(Collector):
    """Readings in the form that the library writes."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        families = {name: Metric(name, help, kind) for name, (kind, help) in FAMILIES.items()}
        for worker, samples in sorted(self._readings.items()):
            for name, ending, labels, value in samples:
                families[name].add_sample(name + ending, {**labels, "worker": str(worker)}, value)
        return (family for family in families.values() if family.samples)


def written(readings: Readings, accept: str = "") -> tuple[bytes, str]:
    """The readings as text, in the format that was asked for, and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(_Collector(readings)), content_type


def is_own_name(host: str, names: Collection[str]) -> bool:
    """Whether a `Host` header names this port: by an address, or by one of these names.

    A page of a foreign site can have its own name resolved to our address and read what it gets (DNS rebinding). It
    cannot have a page of its own at an address.
    """
    found = HOST.fullmatch(host)
    if found is None:
        return False
    try:
        return bool(ip_address(found[1].strip("[]")))
    except ValueError:
        return found[1].lower().removesuffix(".") in names


@asynccontextmanager
async def exposed(host: str, port: int, collect: Collect, *, names: Iterable[str] = ()) -> AsyncIterator[int]:
    """Answer `GET /metrics` for as long as the block runs; the port, which is another one for 0.

    It is answered under addresses, the name to listen on, that of the machine and `names`.
    """
    known = {name.lower() for name in ("localhost", host, socket.gethostname(), *names)}

    async def metrics(request: web.Request) -> web.Response:
        if not is_own_name(request.headers.get("Host", ""), known):
            return web.Response(status=421, text=NOT_OUR_NAME)
        body, content_type = written(await collect(), request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def hide_software(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.pop("Server", None)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.on_response_prepare.append(hide_software)
    runner = _Runner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await site(runner, host, port).start()
        except OSError as error:
            where = f"{host} port {port}"
            raise Refusal(f"Metrics cannot be had on {where}: {error.strerror}. Set PARLEY_METRICS_PORT.") from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
