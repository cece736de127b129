"""Presence: which of a user's sessions watch a topic, and in which state. Told by signals, and never stored.

What a session says lives for some seconds, so it says it again while it is true: that mends whatever was lost. Each
process remembers what it has heard of the users that it has to do with, until it is no longer true. Whoever comes anew
asks all processes, and those that know something say it again. What is said carries the time of its origin, so that
what is late or repeated never takes the place of what is newer.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from uuid import UUID

import orjson

from gateway.errors import Overloaded
from gateway.feed.gathered import gathered
from gateway.feed.sealed import seal, unseal
from gateway.feed.signals import Listening, Signals

MOST_USERS = 10_000
"""So many users are remembered by a process at most."""
MOST_OF_A_USER = 64
"""So many sessions of topics are remembered of a user: those that will be true for longest."""
_TOPIC = "presence"
_ASK = b"[]"
_TOGETHER = 6
"""So many are told in one signal, whatever their names are."""
_LINGER_SECONDS = 10.0
_MOST_NAME = 100


@dataclass(frozen=True, slots=True)
class Present:
    """A session that watches a topic."""

    session_id: UUID
    name: str | None
    """What the session's device is called."""
    state: str
    since: datetime.datetime
    """When it was first said to be in this state."""


@dataclass(frozen=True, slots=True)
class _Said:
    """The last that was said of a session and a topic."""

    present: Present
    """A session that has left is remembered in the state that is empty."""
    origin: float
    """When it was said, by the clock of the process that was told."""
    until: float
    """How long it is true, by the clock of the event loop."""


_Key = tuple[UUID, UUID]
"""A topic, and a session."""


class Presence:
    """What one process knows of who is where. Run it as `async with`."""

    def __init__(self, signals: Signals, key: bytes) -> None:
        """All gateways of a deployment share the key."""
        self._signals = signals
        self._key = key
        self._rooms: dict[UUID, _Room] = {}

    def __len__(self) -> int:
        """How many users are remembered."""
        return len(self._rooms)

    async def __aenter__(self) -> Presence:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [room.task for room in self._rooms.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def known(self, user_id: UUID, topic: UUID, session_id: UUID) -> Present | None:
        """What is remembered of a session and a topic."""
        room = self._rooms.get(user_id)
        said = room and room.said.get((topic, session_id))
        return said.present if said else None

    def tell(self, user_id: UUID, topic: UUID, session_id: UUID, name: str | None, state: str, life: float) -> None:
        """A session is in a state for so many seconds, if it does not say otherwise. The empty state: it has left."""
        present = Present(session_id, name and name[:_MOST_NAME], state, datetime.datetime.now(datetime.UTC))
        with suppress(Overloaded):
            self._room(user_id)
        told = _written([(topic, present, time.time(), life)])
        self._signals.send(user_id, _TOPIC, seal(told, user_id.bytes, self._key))

    async def watch(self, user_id: UUID, topic: UUID) -> AsyncGenerator[list[Present], None]:
        """Who watches a topic: now, and at each change. Raises `Overloaded` when too many users are remembered."""
        room = self._room(user_id)
        room.watchers += 1
        try:
            self._signals.send(user_id, _TOPIC, seal(_ASK, user_id.bytes, self._key))
            shown: list[Present] | None = None
            while True:
                changed, present = room.changed, room.at(topic)
                if present != shown:
                    shown = present
                    yield present
                else:
                    await changed.wait()
        finally:
            room.watchers -= 1

    def _room(self, user_id: UUID) -> _Room:
        room = self._rooms.get(user_id)
        if room is None:
            if len(self._rooms) >= MOST_USERS:
                raise Overloaded("Too many devices are present. Subscribe again soon.", retryAfter=1)
            room = self._rooms[user_id] = _Room(self._signals, user_id, self._key, lambda: self._rooms.pop(user_id))
        return room


class _Room:
    """What is known of one user, for as long as somebody watches or something is true."""

    def __init__(self, signals: Signals, user_id: UUID, key: bytes, left: Callable[[], object]) -> None:
        self.said: dict[_Key, _Said] = {}
        self.watchers = 0
        self.changed = asyncio.Event()
        self._user_id = user_id
        self._signals = signals
        self._key = key
        self._left = left
        # From now on, and not only when the task has begun: somebody is about to speak.
        self.task = asyncio.create_task(self._listen(signals.listen(user_id, _TOPIC)))

    def at(self, topic: UUID) -> list[Present]:
        """Who watches a topic, in the order in which they came."""
        found = (said.present for (where, _), said in self.said.items() if where == topic and said.present.state)
        return sorted(found, key=lambda present: (present.since, present.session_id))

    async def _listen(self, listening: Listening) -> None:
        async with aclosing(listening) as signals:
            try:
                heard = await gathered(signals, within=0, quiet=_LINGER_SECONDS)
                while heard or self.said or self.watchers:
                    self._take(heard)
                    heard = await gathered(signals, within=0, quiet=self._next_end())
            finally:
                # Before anything is awaited: nobody may enter a room that is left.
                self._left()

    def _take(self, heard: Iterable[bytes]) -> None:
        """Remember what signals say, forget what is no longer true, and answer who asks."""
        before = dict(self.said)
        told = [unseal(signal, self._user_id.bytes, self._key) for signal in heard]
        for key, said in chain.from_iterable(map(_read, filter(None, told))):
            self._remember(key, said)
        now = _clock()
        self.said = {key: said for key, said in self.said.items() if said.until > now}
        if before != self.said:
            self.changed.set()
            self.changed = asyncio.Event()
        if _ASK in told:
            self._repeat()

    def _remember(self, key: _Key, said: _Said) -> None:
        known = self.said.get(key)
        self.said[key] = said if known is None else _merged(known, said)
        if len(self.said) > MOST_OF_A_USER:
            del self.said[min(self.said, key=lambda each: self.said[each].until)]

    def _next_end(self) -> float:
        ends = [said.until for said in self.said.values()]
        return max(0.0, min(ends) - _clock()) if ends else _LINGER_SECONDS

    def _repeat(self) -> None:
        """Say again what is known, with what is left of its life."""
        now = _clock()
        known = ((topic, said.present, said.origin, said.until - now) for (topic, _), said in self.said.items())
        while some := list(islice(known, _TOGETHER)):
            self._signals.send(self._user_id, _TOPIC, seal(_written(some), self._user_id.bytes, self._key))


def _merged(known: _Said, said: _Said) -> _Said:
    """The newer of two, with the time since when it has been so."""
    newer = max(known, said, key=lambda each: each.origin)
    if known.present.state != said.present.state:
        return newer
    since = min(known.present.since, said.present.since)
    return replace(newer, present=replace(newer.present, since=since))


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _written(told: Iterable[tuple[UUID, Present, float, float]]) -> bytes:
    """The signal that says who is where, since when it was said, and for how many seconds it is true."""
    return orjson.dumps(
        [
            (str(topic), str(present.session_id), present.name, present.state, present.since, origin, life)
            for topic, present, origin, life in told
        ]
    )


def _read(told: bytes) -> Iterator[tuple[_Key, _Said]]:
    for topic, session, name, state, since, origin, life in orjson.loads(told):
        key = UUID(topic), UUID(session)
        present = Present(key[1], name, state, datetime.datetime.fromisoformat(since))
        yield key, _Said(present, origin, _clock() + life)
