"""Many sockets that listen to the same events, and what makes the events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import orjson

from tests.bench.client import Connection, check, connected
from tests.bench.live.contenders import SUBSCRIPTION, making
from tests.bench.live.people import Person
from tests.bench.live.sockets import PATIENCE_SECONDS, Lost, Socket, ignore, opened, require_open, subscribe
from tests.bench.servers import Server

CONTENT = "lorem ipsum dolor sit amet, " * 7
"""What most messages say: 196 characters."""
_WRITERS = 4
_CHECKED = 20
_LOOK_SECONDS = 0.005
_MARKER_SECONDS = 2.0


class Crowd:
    """The subscribed sockets of one server."""

    def __init__(self, server: Server, person: Person, sockets: Sequence[Socket]) -> None:
        self.server = server
        self.sockets = sockets
        self._person = person

    async def publish(self, connection: Connection, content: str = CONTENT) -> None:
        """Make one event."""
        body = await connection.ask(making(self.server.kind, self.server.url, self._person, content))
        check(connection.status, body)

    async def settle(self) -> None:
        """Make events until one has reached every socket; then nothing more is on its way."""
        reached: set[Socket] = set()
        marker = b""

        def look(connection: Socket, data: bytes, start: int, end: int) -> None:
            if marker in data[start:end]:
                reached.add(connection)

        self._hand_to(look)
        for number in range(int(PATIENCE_SECONDS / _MARKER_SECONDS)):
            reached.clear()
            marker = b'"marker %d"' % number
            async with connected(self.server.url, 1) as (writer,):
                await self.publish(writer, f"marker {number}")
            if await until(lambda: len(reached) == len(self.sockets), _MARKER_SECONDS):
                return
            require_open(self.sockets)
        raise Lost(f"{self.server.kind.title}: an event reached {len(reached)} of {len(self.sockets)} sockets.")

    async def require_right(self) -> None:
        """Raise `Lost` unless every socket gets every event, once, whole and in order."""
        kept: dict[Socket, list[Any]] = {each: [] for each in self.sockets}

        def keep(connection: Socket, data: bytes, start: int, end: int) -> None:
            kept[connection].append(orjson.loads(data[start:end])["payload"]["data"]["messageAdded"])

        self._hand_to(keep)
        wanted = [f"{CONTENT}{number}" for number in range(_CHECKED)]
        async with connected(self.server.url, 1) as (writer,):
            for content in wanted:
                await self.publish(writer, content)
        await until(lambda: all(len(events) >= _CHECKED for events in kept.values()), PATIENCE_SECONDS)
        first, *others = kept.values()
        numbers = [event["message"]["seq"] for event in first]
        contents = [event["message"]["content"] for event in first]
        if contents != wanted or numbers != list(range(numbers[0], numbers[0] + _CHECKED)):
            raise Lost(f"{self.server.kind.title}: not the events that were made: {first}")
        if any(events != first for events in others):
            raise Lost(f"{self.server.kind.title}: not every socket was sent the same.")

    async def saturate(self, seconds: float, ahead: int) -> tuple[int, float]:
        """Make events for so long, at most so many ahead of the slowest socket; deliveries, and the seconds."""
        arrived: list[int] = []
        completed = 0
        room = asyncio.Event()
        everyone = len(self.sockets)

        def count(connection: Socket, data: bytes, start: int, end: int) -> None:
            nonlocal completed
            number = connection.count
            connection.count = number + 1
            arrived[number] += 1
            if arrived[number] == everyone:
                completed += 1
                room.set()

        async def write(writer: Connection) -> None:
            while perf_counter() < end:
                if len(arrived) - completed >= ahead:
                    room.clear()
                    await room.wait()
                else:
                    arrived.append(0)
                    await self.publish(writer)

        for each in self.sockets:
            each.count = 0
        self._hand_to(count)
        began = perf_counter()
        end = began + seconds
        async with (
            connected(self.server.url, min(ahead, _WRITERS)) as writers,
            asyncio.timeout(seconds + PATIENCE_SECONDS),
        ):
            await asyncio.gather(*(write(writer) for writer in writers))
            while completed < len(arrived):
                room.clear()
                await room.wait()
        took = perf_counter() - began
        require_open(self.sockets)
        return len(arrived) * everyone, took

    def _hand_to(self, take: Callable[[Socket, bytes, int, int], None]) -> None:
        for each in self.sockets:
            each.take = take


@asynccontextmanager
async def gathered(server: Server, person: Person, count: int) -> AsyncIterator[Crowd]:
    """A crowd of so many sockets of one person, all of them subscribed."""
    async with opened(server.url, [person.token] * count) as sockets:
        message = subscribe(SUBSCRIPTION)
        for each in sockets:
            each.take = ignore
            each.send(message)
        crowd = Crowd(server, person, sockets)
        await crowd.settle()
        yield crowd


async def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for something; whether it has come within so many seconds."""
    end = perf_counter() + seconds
    while not condition():
        if perf_counter() > end:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True
