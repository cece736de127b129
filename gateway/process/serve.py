"""`parley serve`: opens the database, serves in this process or in workers, and stops on a signal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from gateway import demo
from gateway.app import running, url_of
from gateway.auth.keyring import load_or_create
from gateway.config import Settings
from gateway.data.server.opening import OpenDatabase, open_database
from gateway.event_loop import begin_to_serve, without_collection
from gateway.http.free_port import require_free
from gateway.monitoring.exposition import Collect, Readings, exposed
from gateway.monitoring.tracing import require_tracing
from gateway.process.core_files import forbid_core_files
from gateway.process.stop import Stop, StoppedAtOnceError
from gateway.process.workers import supervised
from gateway.telemetry.log import writes_json
from gateway.telemetry.progress import tell, unless_quick


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `StoppedAtOnceError` if stopped immediately."""
    stop = Stop()
    forbid_core_files()
    # Before a database or keys are created in vain.
    await require_free(settings.host, settings.port)
    if settings.metrics_port is not None:
        await require_free(settings.metrics_host, settings.metrics_port, setting="PARLEY_METRICS_PORT")
    try:
        async with open_database(settings) as database, AsyncExitStack() as stack:
            if settings.offers_demo:
                await demo.fill(database)
            # Entered first, so that metrics are still served during shutdown.
            instruments = _Instruments()
            metrics = await stack.enter_async_context(_metrics(settings, instruments.read))
            with unless_quick("Starting the gateway"), without_collection():
                url, instruments.collect = await stack.enter_async_context(_serving(settings, database))
            _announce(settings, url, metrics)
            await stop.wait()
            tell("Stopping: finishing running requests and closing sockets. Press Ctrl-C again to stop now.")
    except asyncio.CancelledError:
        if not stop.at_once:
            raise
        raise StoppedAtOnceError("stopped at once.") from None
    tell("Stopped.")


@dataclass(slots=True)
class _Instruments:
    """Reads the metrics, once there are any."""

    collect: Collect | None = None

    async def read(self) -> Readings:
        return {} if self.collect is None else await self.collect()


@asynccontextmanager
async def _serving(settings: Settings, database: OpenDatabase) -> AsyncIterator[tuple[str, Collect]]:
    """Serve in this process or in workers. Yields the URL and a function that reads the metrics."""
    if settings.workers == 1:
        async with running(settings, database) as gateway:
            begin_to_serve()

            async def collect() -> Readings:
                return {1: gateway.instruments.samples()}

            yield gateway.url, collect
    else:
        # Checked here, so that errors are reported once instead of by every worker.
        load_or_create(settings.signing_keys)
        if settings.traces:
            require_tracing()
        async with supervised(settings, database.runtime_url) as workers:
            yield url_of(*workers.port.addresses[0][1]), workers.collect


@asynccontextmanager
async def _metrics(settings: Settings, collect: Collect) -> AsyncIterator[str | None]:
    if settings.metrics_port is None:
        yield None
    else:
        async with exposed(settings.metrics_host, settings.metrics_port, collect, names=settings.metrics_names) as port:
            yield f"{url_of(settings.metrics_host, port)}/metrics"


def _announce(settings: Settings, url: str, metrics: str | None) -> None:
    tell(f"\nParley serves GraphQL at {url}/graphql")
    if settings.graphiql:
        tell(f"Open {url}/chat in a browser for the chat page, or {url} for GraphiQL.")
    if settings.offers_demo:
        # Only in a terminal: logs are kept, and others read them.
        password = "" if writes_json() else f", password: {demo.PASSWORD}"
        tell(f"Demo account: {demo.EMAIL}{password}")
    if metrics is not None:
        tell(f"Metrics for Prometheus: {metrics}")
    tell("Stop with Ctrl-C.\n")
