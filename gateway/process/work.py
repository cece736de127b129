"""`parley work`: runs background jobs without serving anything, until a signal."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from gateway.app import url_of, working_alone
from gateway.config import Settings
from gateway.data.server.opening import open_database
from gateway.event_loop import begin_to_serve
from gateway.http.free_port import require_free
from gateway.monitoring.exposition import Readings, exposed
from gateway.monitoring.metrics import samples_of_work
from gateway.process.core_files import forbid_core_files
from gateway.process.stop import Stop, StoppedAtOnceError
from gateway.telemetry.progress import tell


async def work(settings: Settings) -> None:
    """Run jobs until SIGTERM or SIGINT. Raises `StoppedAtOnceError` if stopped immediately."""
    stop = Stop()
    forbid_core_files()
    settings = settings.model_copy(update={"work": True})
    if settings.metrics_port is not None:
        await require_free(settings.metrics_host, settings.metrics_port, setting="PARLEY_METRICS_PORT")
    try:
        async with open_database(settings) as database, AsyncExitStack() as stack:
            counts = await stack.enter_async_context(working_alone(settings, database))
            begin_to_serve()

            async def collect() -> Readings:
                return {1: samples_of_work(counts)}

            if settings.metrics_port is not None:
                port = await stack.enter_async_context(
                    exposed(settings.metrics_host, settings.metrics_port, collect, names=settings.metrics_names)
                )
                tell(f"Metrics for Prometheus: {url_of(settings.metrics_host, port)}/metrics")
            tell("Parley runs background jobs. Stop with Ctrl-C.")
            await stop.wait()
            tell("Stopping: finishing the batches in progress. Press Ctrl-C again to stop now.")
    except asyncio.CancelledError:
        if not stop.at_once:
            raise
        raise StoppedAtOnceError("stopped at once.") from None
    tell("Stopped.")
