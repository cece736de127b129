"""Parley as the benchmark starts it: `python -m tests.bench.served.serving DIRECTORY RUNTIME_URL OWNER_URL`.

With PARLEY_BENCH_TRACE set, its allocations are traced, which makes it several times slower, and on SIGUSR1 it prints
the bytes that it holds, and those that it held at most since it was asked last.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from gateway.app import Gateway, running
from gateway.config import Settings
from gateway.data.server.opening import OpenDatabase
from gateway.event_loop import begin_to_serve


@asynccontextmanager
async def serving(directory: str, runtime_url: str, owner_url: str) -> AsyncIterator[Gateway]:
    """A gateway on this data, for as long as the block runs."""
    # One process by itself has nobody to tell of changes.
    broker = os.environ.get("PARLEY_BROKER_URL", "process:")
    settings = Settings(
        _env_file=None, data_dir=Path(directory), port=0, demo=False, broker_url=broker, log_level="error"
    )
    async with running(settings, OpenDatabase(runtime_url, owner_url)) as gateway:
        begin_to_serve()
        yield gateway


async def serve(directory: str, runtime_url: str, owner_url: str) -> None:
    """Serve until killed; the first line of output is the URL."""
    async with serving(directory, runtime_url, owner_url) as gateway:
        if "PARLEY_BENCH_TRACE" in os.environ:
            tracemalloc.start()
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell_of_memory)
        print(gateway.url, flush=True)
        await asyncio.Event().wait()


def tell_of_memory() -> None:
    """Print the bytes held now, and at most since the last time."""
    print(*tracemalloc.get_traced_memory(), flush=True)
    tracemalloc.reset_peak()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:4]))
