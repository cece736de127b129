"""Parley as the benchmark starts it: `python -m tests.bench.serving DIRECTORY RUNTIME_URL OWNER_URL`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from gateway.app import running
from gateway.config import Settings
from gateway.data.opening import OpenDatabase


async def serve(directory: str, runtime_url: str, owner_url: str) -> None:
    """Serve until killed; the first line of output is the URL."""
    settings = Settings(_env_file=None, data_dir=Path(directory), port=0, demo=False, log_level="error")
    async with running(settings, OpenDatabase(runtime_url, owner_url)) as gateway:
        print(gateway.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:4]))
