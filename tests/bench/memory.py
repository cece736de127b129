"""What the wide operation takes of memory: one by itself, and a thousand of them in flight."""

from __future__ import annotations

import asyncio
import resource
import signal
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.telemetry.progress import step
from tests.bench.client import Connection, WrongAnswer, check, connected
from tests.bench.data import DataSet
from tests.bench.servers import KINDS, Kind, Server, started
from tests.bench.workloads import WORKLOADS

REQUESTS = 1000
TIMES = 5
GOAL = 3.0
WAVE_SECONDS = 60
"""How long a wave may last: as long as a request may wait for a connection of the pool."""
_SAMPLE_SECONDS = 0.02
_DESCRIPTORS = 4096

_PARLEY = next(kind for kind in KINDS if kind.name == "parley")
_WIDE = next(workload for workload in WORKLOADS if workload.name == "wide")


@dataclass(frozen=True, slots=True)
class Wave:
    """A thousand requests at once."""

    before: int
    peak: int
    after: int
    answers: Counter[str]
    """How many were answered in which way: by status, or not in time."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes."""

    response: int
    allocated: int
    """At most held at a time for one request, beyond what was held before."""
    alone: int
    """Resident, after some requests one after the other."""
    waves: Sequence[Wave]

    @property
    def ratio(self) -> float:
        """What one request holds at most, as a multiple of its response."""
        return self.allocated / self.response


async def measure_memory(data: DataSet) -> Memory:
    """Trace one process's allocations, and look at another's size."""
    with step("Measuring the memory of one request"):
        async with started([_parley(PARLEY_BENCH_TRACE="1")], data) as (server,):
            response, allocated = await _allocated(server, data)
    _allow_descriptors()
    # A request waits for a connection as long as it takes: to be refused would cost no memory.
    async with started([_parley(PARLEY_POOL_WAIT_SECONDS=str(WAVE_SECONDS))], data) as (server,):
        async with connected(server.url, 1) as (connection,):
            for _ in range(TIMES):
                await connection.ask(_request(server, data, 0))
        alone = server.process.memory_info().rss
        waves = []
        for number in (1, 2):
            with step(f"Measuring the memory of {REQUESTS:,} requests in flight, wave {number}"):
                waves.append(await _wave(server, data))
    return Memory(response, allocated, alone, waves)


def _parley(**environment: str) -> Kind:
    return replace(_PARLEY, environment=lambda data: environment)


def _request(server: Server, data: DataSet, number: int) -> bytes:
    return server.kind.request(server.url, _WIDE, data.readers[number % len(data.readers)], number)


async def _allocated(server: Server, data: DataSet) -> tuple[int, int]:
    """The size of the answer, and the median of what a request held at most."""
    found = []
    async with connected(server.url, 1) as (connection,):
        for number in range(-TIMES, TIMES):
            held, _ = await _traced(server)
            body = await connection.ask(_request(server, data, 0))
            check(connection.status, body)
            _, peak = await _traced(server)
            if number >= 0:
                found.append(peak - held)
    return len(body), int(statistics.median(found))


async def _traced(server: Server) -> tuple[int, int]:
    """Bytes held now, and at most since this was asked last."""
    server.process.send_signal(signal.SIGUSR1)
    held, peak = (await asyncio.to_thread(server.output.readline)).split()
    return int(held), int(peak)


async def _wave(server: Server, data: DataSet) -> Wave:
    before = server.process.memory_info().rss
    answers: Counter[str] = Counter()
    async with connected(server.url, REQUESTS) as connections:
        asked = [
            asyncio.create_task(_ask(connection, _request(server, data, number), answers))
            for number, connection in enumerate(connections)
        ]
        peak = await _highest(server, asked)
        for task in asked:
            task.cancel()
        await asyncio.wait(asked)
    answers["not in time"] = REQUESTS - answers.total()
    return Wave(before, peak, server.process.memory_info().rss, +answers)


async def _ask(connection: Connection, request: bytes, answers: Counter[str]) -> None:
    try:
        await connection.ask(request)
    except WrongAnswer:
        answers["hung up on"] += 1
    else:
        answers[str(connection.status)] += 1


async def _highest(server: Server, asked: Sequence[asyncio.Task[None]]) -> int:
    """The largest resident size until all are answered, or time is up."""
    peak = 0
    loop = asyncio.get_running_loop()
    end = loop.time() + WAVE_SECONDS
    while loop.time() < end and not all(task.done() for task in asked):
        peak = max(peak, server.process.memory_info().rss)
        await asyncio.sleep(_SAMPLE_SECONDS)
    return max(peak, server.process.memory_info().rss)


def _allow_descriptors() -> None:
    """As many open connections as the waves want, here and in the servers started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _DESCRIPTORS:
        most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
