"""Catching up: the time from a subscription with an old cursor to the last of what was missed."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import asyncpg

from gateway.telemetry.progress import step
from tests.bench.data import DataSet
from tests.bench.live.contenders import parley
from tests.bench.live.crowd import CONTENT, until
from tests.bench.live.people import Person
from tests.bench.live.sockets import Lost, Socket, opened, require_open, subscribe
from tests.bench.servers import Server, started

MISSED = 10_000
_WRITTEN_TOGETHER = 100
"""Messages of one transaction: each moves the sums of its conversation, whose versions pile up until the commit."""
TIMES = 5
TOGETHER = 10
GOAL_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_SUBSCRIPTION = (
    "subscription Missed($after: Cursor!) { messageAdded(after: $after)"
    " { cursor message { id seq role content createdAt } } }"
)

ADD_MISSED = """
INSERT INTO messages (user_id, conversation_id, role, content)
SELECT $1, $2, 'user', $3 FROM generate_series(1, $4)
"""


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Seconds."""

    alone: float
    """One client, the median of some times."""
    together: float
    """Until the last of several that came back at once had everything."""
    cpu_us: float
    """What the gateway used for each event of the one client."""


async def measure_catch_up(data: DataSet, person: Person) -> CatchUp:
    """Write what is missed, and come back for it."""
    with step(f"Adding {MISSED:,} messages that are missed"):
        after = await _missed(data, person)
    async with started([parley()], data) as (server,):
        with step("Measuring the catching up"):
            await _caught_up(server, person, after, 1)
            used = server.cpu_seconds()
            alone = [await _caught_up(server, person, after, 1) for _ in range(TIMES)]
            cpu = (server.cpu_seconds() - used) / TIMES / MISSED
            together = await _caught_up(server, person, after, TOGETHER)
    return CatchUp(statistics.median(alone), together, cpu * 1e6)


async def _missed(data: DataSet, person: Person) -> str:
    """Write the messages, and return the cursor from before them."""
    connection = await asyncpg.connect(data.database.runtime_url, server_settings={"search_path": "parley"})
    try:
        await connection.execute("SELECT set_config('app.user_id', $1, false)", str(person.user_id))
        (row,) = await connection.fetch("SELECT epoch, version FROM feeds WHERE user_id = $1", person.user_id)
        for _ in range(MISSED // _WRITTEN_TOGETHER):
            await connection.execute(ADD_MISSED, person.user_id, person.conversation_id, CONTENT, _WRITTEN_TOGETHER)
    finally:
        await connection.close()
    return f"{row['epoch']}.{row['version']}"


async def _caught_up(server: Server, person: Person, after: str, clients: int) -> float:
    async with opened(server.url, [person.token] * clients) as sockets:
        for each in sockets:
            each.take = _count
        began = perf_counter()
        for each in sockets:
            each.send(subscribe(_SUBSCRIPTION, after=after))
        await until(lambda: all(each.count >= MISSED for each in sockets), _PATIENCE_SECONDS)
        took = perf_counter() - began
        await asyncio.sleep(0)
        require_open(sockets)
        _require_all(sockets)
    return took


def _count(connection: Socket, data: bytes, start: int, end: int) -> None:
    connection.count += 1


def _require_all(sockets: Sequence[Socket]) -> None:
    if counts := [each.count for each in sockets if each.count != MISSED]:
        raise Lost(f"{counts[0]} events came, and {MISSED} were missed.")
