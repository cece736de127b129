"""Delivery, from commit to socket: many users with a few sockets each, in one process and across two."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import psutil

from gateway.telemetry.progress import step
from tests.bench.client import connected
from tests.bench.data import DataSet
from tests.bench.live.contenders import SUBSCRIPTION, adding, parley
from tests.bench.live.crowd import CONTENT
from tests.bench.live.latency import Latency, Log, asking, commit_times, paced
from tests.bench.live.people import Person
from tests.bench.live.sockets import Socket, opened, subscribe
from tests.bench.live.subscribed import reach_all
from tests.bench.live.writing import TOGETHER, told_to_write, writing
from tests.bench.servers import Server, cpu_seconds_with_ended, started
from tests.kit.network.nats_server import nats_server

PEOPLE = 100
SOCKETS_EACH = 3
BY_REQUEST = 500
"""Messages a second that are written by a request each."""
BY_ITSELF = 2000
"""And those that the gateway is told to write, without requests: else these would be what is measured."""
SECONDS = 6.0
_PEAK_SECONDS = 2.0
_WARM_UP_SECONDS = 1.0
_WRITERS = 8
"""Requests at a time: fewer than a gateway has connections to the database, for which they would only queue."""
_KEPT = 0.95
"""Of a rate that counts as reached. What cannot be reached is measured at a pace that can."""
_COMFORTABLE = 0.75


@dataclass(frozen=True, slots=True)
class Written:
    """What was written in a measurement."""

    messages: int
    known: Mapping[UUID, float]
    """When the gateway that wrote knew that a message was committed; empty where nobody else knows that."""


Write = Callable[[float, float], Awaitable[Written]]
"""Writes so many messages a second for so long."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was found at one rate."""

    way: str
    writer: str
    """What made the messages."""
    wanted: float
    """Messages a second."""
    peak: float | None
    """The most that could be written in a second, where that was less than wanted."""
    written: float
    """Messages a second in this measurement."""
    known: float | None
    """Milliseconds from a commit until the gateway that wrote knew of it: the median."""
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
    async with (
        started([writing(broker_url), *[parley(broker_url)] * (processes - 1)], data) as servers,
        _listening(servers, people) as sockets,
        connected(servers[0].url, _WRITERS) as connections,
        told_to_write(servers[0]) as tell,
    ):
        requests = [adding(servers[0].url, person, CONTENT) for person in people]
        asks = [asking(connection, requests) for connection in connections]

        async def by_request(per_second: float, seconds: float) -> Written:
            return Written(await paced(asks, per_second, seconds), {})

        async def by_itself(per_second: float, seconds: float) -> Written:
            known = await tell(people, CONTENT, per_second, seconds)
            return Written(len(known), known)

        load = _Load(data, servers, sockets, way)
        return [
            await load.measure("a request each", by_request, BY_REQUEST),
            await load.measure(f"{TOGETHER} a transaction", by_itself, BY_ITSELF),
        ]


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
    servers: Sequence[Server]
    sockets: Sequence[Socket]
    way: str

    async def measure(self, writer: str, write: Write, wanted: float) -> Delivery:
        """Write at the wanted pace, or else at one that can be kept, and see when it arrives."""
        with step(f"Measuring the delivery of {wanted:,} messages a second: {self.way}"):
            await self._run(write, wanted, _WARM_UP_SECONDS)
            _, _, most = await self._run(write, wanted, _PEAK_SECONDS)
            peak = None if most >= wanted * _KEPT else most
            before = self._clocks()
            log, written, rate = await self._run(write, wanted if peak is None else peak * _COMFORTABLE, SECONDS)
            after = self._clocks()
            took = after.pop("time") - before.pop("time")
            cores = {name: (after[name] - before[name]) / took for name in after}
            latency = Latency.of(await log.waits(self.data, SOCKETS_EACH))
            known = await self._until_known(written)
        return Delivery(self.way, writer, wanted, peak, rate, known, latency, cores)

    async def _run(self, write: Write, per_second: float, seconds: float) -> tuple[Log, Written, float]:
        """The deliveries, all of them, of what was written, and how many messages a second that was."""
        log = Log(self.sockets)
        began = time.perf_counter()
        written = await write(per_second, seconds)
        took = time.perf_counter() - began
        await log.complete(written.messages * SOCKETS_EACH)
        return log, written, written.messages / took

    async def _until_known(self, written: Written) -> float | None:
        if not written.known:
            return None
        commits = await commit_times(self.data, list(written.known))
        return statistics.median(at - commits[id] for id, at in written.known.items()) * 1000

    def _clocks(self) -> dict[str, float]:
        return {
            "time": time.perf_counter(),
            "gateways": sum(server.cpu_seconds() for server in self.servers),
            "PostgreSQL": cpu_seconds_with_ended(psutil.Process(self.data.database.process_id)),
            "client": time.process_time(),
        }
