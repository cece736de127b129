"""`make bench`: what a request costs, next to the same answer written by hand.

Rounds of the two servers are interleaved, so that a machine that slows down slows both; the figures to read are the
ratios. CPU is the operating system's count for the server's process alone, without PostgreSQL and without the client.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from uuid import UUID

import aiohttp
import asyncpg
import orjson
import psutil

from gateway.auth.keyring import load_or_create
from gateway.auth.token import TokenAuthority
from gateway.data.embedded import EmbeddedDatabase
from gateway.data.migrate import migrate
from gateway.progress import step
from tests.bench.workloads import WORKLOADS, Workload

ROUNDS = 7
CONCURRENCY = 16
SIZE = {"users": 20, "conversations": 50, "messages": 20}
HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"


@dataclass(slots=True)
class Server:
    """A server under measurement, and what each of its rounds cost."""

    name: str
    url: str
    process: psutil.Process
    cpu_ms: dict[str, list[float]] = field(default_factory=dict)
    per_second: dict[str, list[float]] = field(default_factory=dict)

    def request(self, workload: Workload, variables: dict[str, str]) -> tuple[str, bytes]:
        """Where to send one request, and its body."""
        if self.name == "by hand":
            return f"{self.url}/{workload.name.split()[0]}", orjson.dumps(variables)
        return f"{self.url}/graphql", orjson.dumps({"query": workload.operation, "variables": variables})


async def main(directory: Path) -> None:
    """Measure and write the table."""
    database = await EmbeddedDatabase.start(directory)
    try:
        await _measure(database, directory)
    finally:
        await database.stop()


async def _measure(database: EmbeddedDatabase, directory: Path) -> None:
    with step("Filling the database"):
        await migrate(database.owner_url)
        user_id, session_id, conversations = await _fill(database.owner_url)
    keys = load_or_create(directory / "signing-keys.json")
    token = TokenAuthority(keys, issuer="parley", audience="parley", lifetime_seconds=86_400)
    bearer = token.issue(user_id, session_id).token
    ceiling = ["-m", "tests.bench.ceiling", database.runtime_url, bearer, str(user_id)]
    serving = ["-m", "tests.bench.serving", str(directory), database.runtime_url, database.owner_url]
    async with _started("by hand", ceiling) as hand, _started("Parley", serving) as parley:
        servers = [hand, parley]
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession(headers=headers) as http:
            for workload in WORKLOADS:
                with step(f"Measuring {workload.name}"):
                    for number in range(-1, ROUNDS):
                        for server in servers:
                            await _round(http, server, workload, conversations, counted=number >= 0)
    _report(servers)


async def _fill(owner_url: str) -> tuple[UUID, UUID, list[str]]:
    connection = await asyncpg.connect(owner_url, server_settings={"search_path": "parley"})
    try:
        for name, size in SIZE.items():
            await connection.execute("SELECT set_config($1, $2, false)", f"fill.{name}", str(size))
        await connection.execute((HERE / "fill.sql").read_text(encoding="utf-8"))
        await connection.execute("ANALYZE")
        (user,) = await connection.fetch("SELECT user_id, id FROM parley.sessions LIMIT 1")
        found = await connection.fetch(
            "SELECT id FROM parley.conversations WHERE user_id = $1 AND deleted_at IS NULL", user["user_id"]
        )
        return user["user_id"], user["id"], [str(row["id"]) for row in found]
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def _started(name: str, arguments: list[str]) -> AsyncIterator[Server]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
    try:
        assert process.stdout is not None
        url = await asyncio.to_thread(process.stdout.readline)
        yield Server(name, url.strip(), psutil.Process(process.pid))
    finally:
        process.kill()
        process.wait()


async def _round(
    http: aiohttp.ClientSession, server: Server, workload: Workload, conversations: list[str], *, counted: bool
) -> None:
    numbers = iter(range(workload.requests))
    before, started = server.process.cpu_times(), perf_counter()
    await asyncio.gather(*(_send(http, server, workload, conversations, numbers) for _ in range(CONCURRENCY)))
    took, after = perf_counter() - started, server.process.cpu_times()
    if counted:
        cpu = after.user + after.system - before.user - before.system
        server.cpu_ms.setdefault(workload.name, []).append(cpu * 1000 / workload.requests)
        server.per_second.setdefault(workload.name, []).append(workload.requests / took)


async def _send(
    http: aiohttp.ClientSession, server: Server, workload: Workload, conversations: list[str], numbers: Iterator[int]
) -> None:
    for number in numbers:
        url, body = server.request(workload, workload.variables(conversations, number))
        async with http.post(url, data=body) as response:
            answer = await response.read()
            if response.status != 200 or b'"errors"' in answer[:2000]:
                raise SystemExit(f"{server.name}, {workload.name}: {response.status} {answer[:500]!r}")


def _report(servers: list[Server]) -> None:
    lines = [
        "| workload | CPU ms by hand | CPU ms Parley | ratio | requests/s by hand | requests/s Parley | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for workload in WORKLOADS:
        cpu = [statistics.median(server.cpu_ms[workload.name]) for server in servers]
        speed = [statistics.median(server.per_second[workload.name]) for server in servers]
        lines.append(
            f"| {workload.name} | {cpu[0]:.2f} | {cpu[1]:.2f} | {cpu[1] / max(cpu[0], 0.001):.1f} "
            f"| {speed[0]:,.0f} | {speed[1]:,.0f} | {speed[1] / speed[0]:.2f} |"
        )
    table = "\n".join(lines)
    print(table)
    today = datetime.datetime.now(datetime.UTC).date()
    RESULTS.write_text(
        f"# Benchmark\n\nMade by `make bench` on {today}, with {SIZE['users']} users of {SIZE['conversations']} "
        f"conversations of {SIZE['messages']} messages, {CONCURRENCY} requests at a time, medians of {ROUNDS} "
        f"interleaved rounds. CPU is that of the server's process. `by hand` is `ceiling.py`: the same answers "
        f"without GraphQL.\n\n{table}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as name:
        asyncio.run(main(Path(name)))
