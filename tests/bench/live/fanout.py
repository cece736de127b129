"""Fan-out: one event to a thousand sockets, next to the peers, in rounds of all servers in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import psutil

from gateway.telemetry.progress import step
from tests.bench.data import DataSet
from tests.bench.live.crowd import Crowd, gathered
from tests.bench.live.people import Person
from tests.bench.servers import Kind, Server, cpu_seconds_with_ended, started

SOCKETS = 1000
ROUNDS = 5
SECONDS = 1.2
AHEAD = {"saturated": 4, "one at a time": 1}
"""How many events may be on their way at a time. With more than one, a server may handle them together."""
_WARM_UP_SOCKETS = 20


@dataclass(frozen=True, slots=True)
class Round:
    """What a delivery of a round came to, and how many there were in a second."""

    per_second: float
    cpu_us: float
    database_us: float
    client_us: float


@dataclass(frozen=True, slots=True)
class Fanout:
    """What was found of one server."""

    kind: Kind
    socket_kib: float
    """Growth of its resident memory for each socket with its subscription."""
    rounds: dict[str, list[Round]]

    def median(self, way: str) -> Round:
        """The medians of the rounds."""
        rounds = self.rounds[way]
        return Round(
            statistics.median(one.per_second for one in rounds),
            statistics.median(one.cpu_us for one in rounds),
            statistics.median(one.database_us for one in rounds),
            statistics.median(one.client_us for one in rounds),
        )


async def measure_fanout(kinds: Sequence[Kind], data: DataSet, person: Person) -> list[Fanout]:
    """Start all servers, check what they deliver, and measure."""
    async with started(list(kinds), data) as servers, AsyncExitStack() as stack:
        found = []
        crowds = []
        for server in servers:
            with step(f"Opening {SOCKETS:,} sockets to {server.kind.title}"):
                before = await _rested(server, person)
                crowd = await stack.enter_async_context(gathered(server, person, SOCKETS))
                kib = (server.process.memory_info().rss - before) / 1024 / SOCKETS
                found.append(Fanout(server.kind, kib, {way: [] for way in AHEAD}))
                await crowd.require_right()
                crowds.append(crowd)
        database = psutil.Process(data.database.process_id)
        for way, ahead in AHEAD.items():
            with step(f"Measuring the fan-out, {way}"):
                for number in range(ROUNDS + 1):
                    for fanout, crowd in zip(found, crowds, strict=True):
                        one = await _round(crowd, database, ahead)
                        if number:
                            fanout.rounds[way].append(one)
    return found


async def _rested(server: Server, person: Person) -> int:
    """Resident bytes of a server that has served a few sockets before."""
    async with gathered(server, person, _WARM_UP_SOCKETS) as crowd:
        await crowd.require_right()
    return int(server.process.memory_info().rss)


async def _round(crowd: Crowd, database: psutil.Process, ahead: int) -> Round:
    before = _clocks(crowd.server, database)
    deliveries, took = await crowd.saturate(SECONDS, ahead)
    after = _clocks(crowd.server, database)
    cpu, database_cpu, client = ((end - begin) * 1e6 / deliveries for begin, end in zip(before, after, strict=True))
    return Round(deliveries / took, cpu, database_cpu, client)


def _clocks(server: Server, database: psutil.Process) -> tuple[float, float, float]:
    return server.cpu_seconds(), cpu_seconds_with_ended(database), time.process_time()
