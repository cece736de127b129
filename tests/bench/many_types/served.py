"""A gateway with throw-away types: `python -m tests.bench.many_types.served DIRECTORY RUNTIME_URL OWNER_URL COUNT`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop

from gateway.app import running
from gateway.config import Settings
from gateway.data.server.opening import OpenDatabase
from gateway.event_loop import begin_to_serve
from gateway.schema.build import build_schema, domain_modules
from tests.bench.many_types.throw_away import module


async def serve(directory: str, runtime_url: str, owner_url: str, count: str) -> None:
    """Serve until killed; the first line of output is the URL."""
    schema = build_schema([*domain_modules(), module(Path(directory), int(count))])._schema
    settings = Settings(
        _env_file=None, data_dir=Path(directory), port=0, demo=False, broker_url="process:", log_level="error"
    )
    async with running(settings, OpenDatabase(runtime_url, owner_url), schema=schema) as gateway:
        begin_to_serve()
        print(gateway.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:5]))
