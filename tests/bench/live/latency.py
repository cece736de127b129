"""How long after its commit a message is with those who listen.

PostgreSQL keeps the time of each commit (`track_commit_timestamp`), taken before the commit is flushed to disk and made
visible; the client notes when a frame is whole. Both are of the same machine's clock.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from uuid import UUID

import asyncpg

from tests.bench.client import Connection, check
from tests.bench.data import DataSet
from tests.bench.live.crowd import until
from tests.bench.live.sockets import PATIENCE_SECONDS, Lost, Socket, require_open

_ID = re.compile(rb'"message":\{"id":"([0-9a-f-]{36})"')
_KEPT_BYTES = 250
"""Of each message: its id is in them."""

COMMITS = """
SELECT id, extract(epoch FROM pg_xact_commit_timestamp(xmin))::double precision AS at
FROM parley.messages
WHERE id = ANY($1::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from commit to socket, over all deliveries."""

    deliveries: int
    p50: float
    p90: float
    p99: float
    worst: float

    @classmethod
    def of(cls, waits: Sequence[float]) -> Latency:
        """Of what each delivery took."""
        percentiles = statistics.quantiles(waits, n=100)
        return cls(len(waits), percentiles[49], percentiles[89], percentiles[98], max(waits))


class Log:
    """The deliveries to some sockets, from now on."""

    def __init__(self, sockets: Sequence[Socket]) -> None:
        self._sockets = sockets
        self._noted: list[tuple[float, bytes]] = []
        for each in sockets:
            each.take = self._note

    def _note(self, connection: Socket, data: bytes, start: int, end: int) -> None:
        self._noted.append((time.time(), data[start : start + _KEPT_BYTES]))

    async def complete(self, deliveries: int) -> None:
        """Wait until there have been so many."""
        if not await until(lambda: len(self._noted) >= deliveries, PATIENCE_SECONDS):
            require_open(self._sockets)
            raise Lost(f"{len(self._noted)} of {deliveries} deliveries came.")

    async def waits(self, data: DataSet, sockets_of_each: int) -> list[float]:
        """Milliseconds of each delivery. Raises `Lost` when a message did not come to each of so many sockets once."""
        arrivals = [(at, _id_in(start)) for at, start in self._noted]
        counts = Counter(id for _, id in arrivals)
        if wrong := [id for id, count in counts.items() if count != sockets_of_each]:
            raise Lost(f"{len(wrong)} of {len(counts)} messages did not come to {sockets_of_each} sockets once.")
        commits = await commit_times(data, list(counts))
        return [(at - commits[id]) * 1000 for at, id in arrivals]


def _id_in(start: bytes) -> UUID:
    found = _ID.search(start)
    if found is None:
        raise Lost(f"Not an event: {start!r}")
    return UUID(found[1].decode())


async def commit_times(data: DataSet, ids: list[UUID]) -> dict[UUID, float]:
    """When each of these messages was committed."""
    connection = await asyncpg.connect(data.database.owner_url)
    try:
        return {row["id"]: row["at"] for row in await connection.fetch(COMMITS, ids)}
    finally:
        await connection.close()


Act = Callable[[int], Awaitable[object]]
"""Does something, and is told which time this is."""


async def paced(actors: Sequence[Act], per_second: float, seconds: float) -> int:
    """Let them act in turn at a steady pace, as far as they are done in time; how often they did."""
    numbers = itertools.count()
    began = perf_counter()
    acted = 0

    async def go_on(act: Act) -> None:
        nonlocal acted
        while (due := (number := next(numbers)) / per_second) < seconds and perf_counter() < began + seconds:
            if (early := began + due - perf_counter()) > 0:
                await asyncio.sleep(early)
            await act(number)
            acted += 1

    await asyncio.gather(*map(go_on, actors))
    return acted


def asking(connection: Connection, requests: Sequence[bytes]) -> Act:
    """Makes one of the requests each time, in turn."""

    async def ask(number: int) -> None:
        body = await connection.ask(requests[number % len(requests)])
        check(connection.status, body)

    return ask
