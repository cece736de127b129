"""Idle sockets: what one with a subscription takes of memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.telemetry.progress import step
from tests.bench.data import DataSet
from tests.bench.live.contenders import SUBSCRIPTION, parley
from tests.bench.live.people import Person
from tests.bench.live.sockets import opened, room_for, subscribe
from tests.bench.live.subscribed import reach_all
from tests.bench.servers import Server, started

SOCKETS = 5000
GOAL_KIB = 40.0
_WARM_UP_SOCKETS = 20
_REST_SECONDS = 3.0
_CPU_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Idle:
    """What was found. One look at the system's count for the process before, and one after."""

    sockets: int
    people: int
    socket_kib: float
    cores: float
    """Of one core, what the process used while nothing happened."""


async def measure_idle(data: DataSet, people: Sequence[Person]) -> Idle:
    """Open the sockets, two of each person, let each be sent one message, and look at the process's size."""
    count = room_for(SOCKETS)
    tokens = [person.token for person in people for _ in range(2)][:count]
    listeners = people[: (len(tokens) + 1) // 2]
    async with started([parley()], data) as (server,):
        with step(f"Opening {count:,} sockets"):
            await _listen(server, tokens[:_WARM_UP_SOCKETS], listeners[: _WARM_UP_SOCKETS // 2])
            before = server.process.memory_info().rss
            async with opened(server.url, tokens) as sockets:
                for each in sockets:
                    each.send(subscribe(SUBSCRIPTION))
                await reach_all(server, sockets, listeners)
                await asyncio.sleep(_REST_SECONDS)
                used = server.cpu_seconds()
                await asyncio.sleep(_CPU_SECONDS)
                cores = (server.cpu_seconds() - used) / _CPU_SECONDS
                grown = server.process.memory_info().rss - before
    return Idle(count, len(listeners), grown / 1024 / count, cores)


async def _listen(server: Server, tokens: Sequence[str], people: Sequence[Person]) -> None:
    async with opened(server.url, tokens) as sockets:
        for each in sockets:
            each.send(subscribe(SUBSCRIPTION))
        await reach_all(server, sockets, people)
