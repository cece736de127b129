"""A process that runs jobs of `toys` or `resolvers`: `python -m tests.gateway.work.worker URL DIRECTORY NAME…`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway.app import working_alone
from gateway.data.server.opening import OpenDatabase
from gateway.event_loop import run
from gateway.schema.build import domain_modules
from gateway.telemetry.log import begin_logging
from gateway.work.declaration import jobs_of
from tests.gateway.work import toys
from tests.kit.serving import settings_for

WORKS = "works"


async def main(url: str, directory: str, *names: str) -> None:
    declared = jobs_of([toys])
    if not declared.keys() >= set(names):
        declared = jobs_of(domain_modules())
    jobs = {name: declared[name] for name in names}
    settings = settings_for(Path(directory), work=True, work_lease_seconds=1, work_concurrency=4)
    async with working_alone(settings, OpenDatabase(url, None), jobs=jobs):
        print(WORKS, flush=True)
        await asyncio.to_thread(sys.stdin.read)  # until the test closes it


if __name__ == "__main__":
    begin_logging("text", "error")
    run(main(*sys.argv[1:]))
