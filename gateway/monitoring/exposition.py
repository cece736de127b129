"""`GET /metrics`: the metrics of all processes of a gateway, in Prometheus's text format, on a separate port.

Each sample is labelled with its worker's number. A restarted worker counts from zero again, as Prometheus expects, and
the label keeps the other workers' counts separate.
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
    "parley_build_info": ("gauge", "Always 1. The labels are the versions of Parley and Python."),
    "process_cpu_seconds": ("counter", "CPU time of the process in user and system mode."),
    "process_resident_memory_bytes": ("gauge", "Resident memory of the process."),
    "process_virtual_memory_bytes": ("gauge", "Virtual memory of the process."),
    "process_start_time_seconds": ("gauge", "Start time of the process, in seconds since 1970."),
    "process_open_fds": ("gauge", "Open file descriptors of the process."),
    "parley_worker_up": ("gauge", "Whether the worker answers."),
    "parley_worker_starts": ("counter", "Starts of the worker."),
    "parley_operations": ("counter", "Operations, by executor and the reason if not breadth-first."),
    "parley_operations_running": ("gauge", "Running queries and mutations."),
    "parley_operation_duration_seconds": ("histogram", "Time from a prepared query or mutation to its answer."),
    "parley_operations_answered": ("counter", "Queries and mutations, by whether their answer has errors."),
    "parley_requests_refused": ("counter", "Requests refused before they were read as GraphQL, by HTTP status."),
    "parley_errors": ("counter", "Errors in answers, by code."),
    "parley_documents": ("counter", "Operations, by whether their document was in the cache."),
    "parley_sockets_open": ("gauge", "Open websockets and event streams."),
    "parley_sockets_refused": ("counter", "Sockets, streams and subscriptions refused at a limit, by limit."),
    "parley_subscriptions_running": ("gauge", "Running subscriptions, by operation name."),
    "parley_subscription_groups": ("gauge", "Running groups of subscriptions that share an execution."),
    "parley_subscription_drops": ("counter", "Times that events were dropped for a slow subscriber."),
    "parley_resyncs": ("counter", "Subscriptions that ended because their cursor could not be resumed."),
    "parley_events_sent": ("counter", "Events sent by subscriptions."),
    "parley_event_runs": ("counter", "Executions of subscriptions on events, each for a whole group."),
    "parley_delivery_latency_seconds": ("histogram", "Time from a write to the subscriber's transport."),
    "parley_feeds_followed": ("gauge", "Users whose change feeds are followed."),
    "parley_feed_lag_seconds": ("gauge", "Time since the followed feeds were last read."),
    "parley_hints": ("counter", "Hints sent to and received from other processes."),
    "parley_signals_sent": ("counter", "Signals sent to other processes."),
    "parley_broker_dropped": ("counter", "Hints and signals dropped because the broker was unavailable or slow."),
    "parley_broker_reconnects": ("counter", "Reconnects to the broker."),
    "parley_pool_connections": ("gauge", "Database connections for requests, by state."),
    "parley_pool_connections_allowed": ("gauge", "Maximum database connections for requests."),
    "parley_pool_waiting": ("gauge", "Operations waiting for a database connection."),
    "parley_pool_wait_seconds": ("histogram", "Wait for a database connection, of operations that had to wait."),
    "parley_pipelines": ("counter", "Transactions shared by several operations, by kind."),
    "parley_pipeline_statements": ("counter", "Statements in these transactions."),
    "parley_event_loop_lag_seconds": ("histogram", "Delay of the event loop in running due callbacks."),
    "parley_jobs_ended": ("counter", "Runs of background jobs in this process, by kind and outcome."),
    "parley_jobs_running": ("gauge", "Background jobs that this process is running, by kind."),
    "parley_job_duration_seconds": ("histogram", "Time of a run of a background job."),
    "parley_jobs_queued": ("gauge", "Queued background jobs of all processes, by kind. Each process reports them."),
    "parley_jobs_failed": ("gauge", "Background jobs that were given up, by kind. Each process reports them."),
    "parley_job_oldest_seconds": ("gauge", "Time for which the oldest queued job has been due, by kind."),
}
"""The metric families, with type and description."""

Readings = Mapping[int, Sequence[Sample]]
"""The samples of each worker, by its number."""

Collect = Callable[[], Awaitable[Readings]]


HOST = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", re.ASCII)

NOT_OUR_NAME = "Metrics are not served under this name. Set PARLEY_METRICS_NAMES.\n"


class _Connection(web.RequestHandler):
    """A connection that answers unreadable requests without revealing the server software, and does not log them."""

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
        server = await super()._make_server()
        return _Server(server.request_handler, request_factory=server.request_factory, **connection_settings(server))


class _Collector(Collector):
    """Adapts readings to the Prometheus client library."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        families = {name: Metric(name, help, kind) for name, (kind, help) in FAMILIES.items()}
        for worker, samples in sorted(self._readings.items()):
            for name, ending, labels, value in samples:
                families[name].add_sample(name + ending, {**labels, "worker": str(worker)}, value)
        return (family for family in families.values() if family.samples)


def written(readings: Readings, accept: str = "") -> tuple[bytes, str]:
    """Render the readings in the requested format. Returns the text and its content type."""
    encode, content_type = choose_encoder(accept)
    return encode(_Collector(readings)), content_type


def is_own_name(host: str, names: Collection[str]) -> bool:
    """Whether a `Host` header is an IP address or one of these names.

    This prevents DNS rebinding: another site can resolve its own name to our address, but it cannot have an origin at
    the address itself.
    """
    match = HOST.fullmatch(host)
    if match is None:
        return False
    try:
        return bool(ip_address(match[1].strip("[]")))
    except ValueError:
        return match[1].lower().removesuffix(".") in names


@asynccontextmanager
async def exposed(host: str, port: int, collect: Collect, *, names: Iterable[str] = ()) -> AsyncIterator[int]:
    """Serve `GET /metrics` for the duration of the block. Yields the port, which is a free one if `port` is 0.

    Requests may use IP addresses, `localhost`, `host`, the machine's name and `names`.
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
            raise Refusal(f"Metrics cannot be served on {where}: {error.strerror}. Set PARLEY_METRICS_PORT.") from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
