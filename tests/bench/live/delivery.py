"""Delivery, from commit to socket: many users with a few sockets each, in one process and across two."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil

from gateway.progress import step
from tests.bench.client import Connection, connected
from tests.bench.data import DataSet
from tests.bench.live.contenders import SUBSCRIPTION, adding, parley
from tests.bench.live.crowd import CONTENT
from tests.bench.live.latency import Latency, Log, paced
from tests.bench.live.people import Person
from tests.bench.live.sockets import Socket, opened, subscribe
from tests.bench.live.subscribed import reach_all
from tests.bench.servers import Server, cpu_seconds_with_ended, started
from tests.nats_server import nats_server

PEOPLE = 100
SOCKETS_EACH = 3
RATES = (500, 2000)
"""Messages a second."""
SECONDS = 6.0
_PEAK_SECONDS = 2.0
_WARM_UP_SECONDS = 1.0
_WRITERS = 8
"""Requests at a time: fewer than a gateway has connections to the database, for which they would only queue."""
_TOGETHER_FROM = 1000
_TOGETHER = 10
"""Messages that a request adds from that rate on, so that fewer requests are made of one client."""
_KEPT = 0.95
"""Of a rate that counts as reached. What cannot be reached is measured at a pace that can."""
_COMFORTABLE = 0.75


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was found at one rate."""

    way: str
    wanted: float
    """Messages a second."""
    peak: float | None
    """The most that could be written in a second, where that was less than wanted."""
    written: float
    """Messages a second in this measurement."""
    latency: Latency
    cores: Mapping[str, float]
    """Of the machine's cores, how much each had: the gateways, PostgreSQL, the client."""


async def measure_delivery(data: DataSet, people: Sequence[Person]) -> list[Delivery]:
    """In one process, and across two with each broker."""
    people = people[:PEOPLE]
    found = await _measure(data, people, "one process", 1, "process:")
    found += await _measure(data, people, "two, by PostgreSQL", 2, "postgres:")
    async with nats_server() as nats:
        return found + await _measure(data, people, "two, by NATS", 2, nats.url)


async def _measure(
    data: DataSet, people: Sequence[Person], way: str, processes: int, broker_url: str
) -> list[Delivery]:
    found = []
    async with (
        started([parley(broker_url)] * processes, data) as servers,
        _listening(servers, people) as sockets,
        connected(servers[0].url, _WRITERS) as writers,
    ):
        for wanted in RATES:
            with step(f"Measuring the delivery of {wanted:,} messages a second: {way}"):
                load = _Load(data, people, servers, sockets, writers, _TOGETHER if wanted >= _TOGETHER_FROM else 1)
                found.append(await load.measure(way, wanted))
    return found


@asynccontextmanager
async def _listening(servers: Sequence[Server], people: Sequence[Person]) -> AsyncIterator[list[Socket]]:
    """The sockets of all people to the last of the servers, each subscribed."""
    tokens = [person.token for person in people for _ in range(SOCKETS_EACH)]
    async with opened(servers[-1].url, tokens) as sockets:
        for each in sockets:
            each.send(subscribe(SUBSCRIPTION))
        await reach_all(servers[0], sockets, people)
        yield sockets


@dataclass(frozen=True, slots=True)
class _Load:
    data: DataSet
    people: Sequence[Person]
    servers: Sequence[Server]
    sockets: Sequence[Socket]
    writers: Sequence[Connection]
    together: int
    """Messages of one request."""

    async def measure(self, way: str, wanted: float) -> Delivery:
        """Write at the wanted pace, or else at one that can be kept, and see when it arrives."""
        await self._write(wanted, _WARM_UP_SECONDS)
        _, most = await self._write(wanted, _PEAK_SECONDS)
        peak = None if most >= wanted * _KEPT else most
        before = self._clocks()
        log, written = await self._write(wanted if peak is None else peak * _COMFORTABLE, SECONDS)
        after = self._clocks()
        took = after.pop("time") - before.pop("time")
        cores = {name: (after[name] - before[name]) / took for name in after}
        latency = Latency.of(await log.waits(self.data, SOCKETS_EACH))
        return Delivery(way, wanted, peak, written, latency, cores)

    async def _write(self, pace: float, seconds: float) -> tuple[Log, float]:
        """The deliveries, all of them, and how many messages a second were written."""
        requests = [adding(self.servers[0].url, person, CONTENT, self.together) for person in self.people]
        log = Log(self.sockets)
        began = time.perf_counter()
        messages = await paced(self.writers, requests, pace / self.together, seconds) * self.together
        took = time.perf_counter() - began
        await log.complete(messages * SOCKETS_EACH)
        return log, messages / took

    def _clocks(self) -> dict[str, float]:
        return {
            "time": time.perf_counter(),
            "gateways": sum(server.cpu_seconds() for server in self.servers),
            "PostgreSQL": cpu_seconds_with_ended(psutil.Process(self.data.database.process_id)),
            "client": time.process_time(),
        }
