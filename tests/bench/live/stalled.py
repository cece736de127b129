"""Slow consumers: whether those that do not read slow the others, and what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.telemetry.progress import step
from tests.bench.client import connected
from tests.bench.data import DataSet
from tests.bench.live.contenders import SUBSCRIPTION, adding, parley
from tests.bench.live.crowd import until
from tests.bench.live.latency import Latency, Log, asking, paced
from tests.bench.live.people import Person
from tests.bench.live.sockets import PATIENCE_SECONDS, Socket, opened, subscribe
from tests.bench.live.subscribed import reach_all
from tests.bench.servers import Server, started

SOCKETS = 500
STALLED = 50
PER_SECOND = 10
SECONDS = 4.0
TIMES = 3
"""So often each, in turn: a machine that is busy for a while is so for both."""
CONTENT = "lorem ipsum dolor sit amet, " * 585
"""16 KiB, so that what is not read is soon more than the system's buffers take."""
_SAMPLE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Stalled:
    """The latency of those who read, and what each of those who do not holds of the gateway's memory at most."""

    without: Latency
    beside: Latency
    socket_kib: float
    recovered: int
    """How many of the stalled, each counted once for each time, had every message once they read again."""

    @property
    def ratio(self) -> float:
        """The p99 beside stalled ones, as a multiple of that without."""
        return self.beside.p99 / self.without.p99


async def measure_stalled(data: DataSet, person: Person) -> Stalled:
    """Measure in turn while all read, and while some do not."""
    without: list[float] = []
    beside: list[float] = []
    before = most = recovered = 0
    async with started([parley()], data) as (server,):
        tokens = [person.token] * SOCKETS
        async with opened(server.url, tokens, like_remote=lambda number: number < STALLED) as sockets:
            for each in sockets:
                each.send(subscribe(SUBSCRIPTION))
            await reach_all(server, sockets, [person])
            reading = _Phase(server, sockets[STALLED:], person, data)
            with step(f"Measuring with {STALLED} of {SOCKETS} sockets stalled, and without"):
                await reading.run()
                for _ in range(TIMES):
                    waits, held = await reading.run()
                    without += waits
                    # Of the first time: a process rarely gives back what it has had.
                    before = before or held
                    with _stalling(sockets[:STALLED]) as stalled:
                        waits, held = await reading.run()
                    beside, most = beside + waits, max(most, held)
                    recovered += await _recovered(stalled, len(waits) // len(reading.sockets))
    return Stalled(Latency.of(without), Latency.of(beside), (most - before) / 1024 / STALLED, recovered)


@contextmanager
def _stalling(sockets: Sequence[Socket]) -> Iterator[Sequence[Socket]]:
    """Let them not read meanwhile."""
    for each in sockets:
        each.count = 0
        each.take = _count
        each.stall()
    try:
        yield sockets
    finally:
        for each in sockets:
            each.go_on()


def _count(connection: Socket, data: bytes, start: int, end: int) -> None:
    connection.count += 1


async def _recovered(sockets: Sequence[Socket], missed: int) -> int:
    """How many come to have had so many messages."""
    await until(lambda: all(each.count >= missed for each in sockets), PATIENCE_SECONDS)
    return sum(each.count == missed for each in sockets)


@dataclass(frozen=True, slots=True)
class _Phase:
    """Some seconds of messages to sockets that read."""

    server: Server
    sockets: Sequence[Socket]
    person: Person
    data: DataSet

    async def run(self) -> tuple[list[float], int]:
        """What the deliveries took, and the most that the server held."""
        log = Log(self.sockets)
        most = 0
        request = adding(self.server.url, self.person, CONTENT)
        async with connected(self.server.url, 2) as writers:
            asks = [asking(writer, [request]) for writer in writers]
            writing = asyncio.create_task(paced(asks, PER_SECOND, SECONDS))
            while not writing.done():
                most = max(most, self.server.process.memory_info().rss)
                await asyncio.wait([writing], timeout=_SAMPLE_SECONDS)
            await log.complete(writing.result() * len(self.sockets))
        return await log.waits(self.data, len(self.sockets)), most
