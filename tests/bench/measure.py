"""The comparison: rounds of all servers in turn, so that a machine that slows down slows all of them.

CPU is the operating system's count for the server's processes, without PostgreSQL and without the client, whose own
shares are kept beside it. The figures to read are the ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from gateway.telemetry.progress import step
from tests.bench.check import compare
from tests.bench.client import connected, drive
from tests.bench.data import DataSet
from tests.bench.servers import Server, cpu_seconds_with_ended
from tests.bench.workloads import Workload

CONCURRENCY = 16
WARM_UP = 5
"""Rounds that do not count: so long Node's servers become faster."""
_REQUESTS = 100
"""How many each caller makes before the first comes again."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one request of a round came to."""

    cpu_ms: float
    per_second: float
    database_ms: float
    client_ms: float


@dataclass(slots=True)
class Figures:
    """The rounds of each server and workload."""

    rounds: dict[tuple[str, str], list[Round]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of Parley's answer to each workload."""

    def median(self, server: str, workload: str) -> Round:
        """The medians of the rounds."""
        rounds = self.rounds[server, workload]
        return Round(
            statistics.median(one.cpu_ms for one in rounds),
            statistics.median(one.per_second for one in rounds),
            statistics.median(one.database_ms for one in rounds),
            statistics.median(one.client_ms for one in rounds),
        )

    def spread(self, server: str, workload: str) -> float:
        """How far the middle half of the rounds' CPU lies apart, as a share of the median."""
        rounds = [one.cpu_ms for one in self.rounds[server, workload]]
        if len(rounds) < 2:
            return 0.0
        first, median, third = statistics.quantiles(rounds, n=4)
        return (third - first) / median


async def measure(
    servers: list[Server], workloads: Sequence[Workload], data: DataSet, *, rounds: int, seconds: float
) -> Figures:
    """Check every answer, and then measure."""
    figures = Figures()
    for workload in workloads:
        with step(f"Checking the answers to {workload.title}"):
            figures.sizes[workload.name] = await compare(servers, workload, data)
    database = psutil.Process(_process_id(data))
    for workload in workloads:
        with step(f"Measuring {workload.title}"):
            requests = {server.kind.name: _requests(server, workload, data) for server in servers}
            for number in range(-WARM_UP, rounds):
                # Each begins a round as often as the others: who comes after whom may matter to caches.
                turn = number % len(servers)
                for server in servers[turn:] + servers[:turn]:
                    found = await _round(server, requests[server.kind.name], database, seconds)
                    if number >= 0:
                        figures.rounds.setdefault((server.kind.name, workload.name), []).append(found)
    return figures


def _process_id(data: DataSet) -> int:
    found = data.database.process_id
    if found is None:
        raise SystemExit("PostgreSQL has ended.")
    return found


def _requests(server: Server, workload: Workload, data: DataSet) -> list[bytes]:
    """Requests of all callers in turn, so that one rarely follows itself."""
    callers = data.writers if workload.writes else data.readers
    return [
        server.kind.request(server.url, workload, caller, number) for number in range(_REQUESTS) for caller in callers
    ]


async def _round(server: Server, requests: Sequence[bytes], database: psutil.Process, seconds: float) -> Round:
    # New connections for each round: servers close those that rest for some seconds.
    async with connected(server.url, CONCURRENCY) as connections:
        before = _clocks(server, database)
        answered = await drive(connections, requests, seconds)
        after = _clocks(server, database)
    cpu, database_cpu, client, took = (end - begin for begin, end in zip(before, after, strict=True))
    return Round(cpu * 1000 / answered, answered / took, database_cpu * 1000 / answered, client * 1000 / answered)


def _clocks(server: Server, database: psutil.Process) -> tuple[float, float, float, float]:
    return server.cpu_seconds(), cpu_seconds_with_ended(database), time.process_time(), time.perf_counter()
