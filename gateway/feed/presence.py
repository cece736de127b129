"""Presence: which of a user's sessions and agents watch a topic, and in which state. Sent by signals, and never stored.

A session's announcement expires after some seconds, so the session repeats it while it is true; this repairs losses.
Each process remembers the announcements of the users that it deals with until they expire. A new watcher asks all
processes, and those that know something repeat it. An announcement carries the time of its origin, so that a late or
repeated one never replaces a newer one.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from itertools import chain, islice
from uuid import UUID

import orjson

from gateway.errors import Overloaded
from gateway.feed.gathered import gathered
from gateway.feed.signals import Listening, Signals

MOST_USERS = 10_000
"""Users remembered per process."""
MOST_OF_A_USER = 64
"""Pairs of topic and session remembered per user: those that expire last."""
_TOPIC = "presence"
_ASK = b"[]"
_TOGETHER = 6
"""Announcements per signal. They fit whatever the names of the devices are."""
_LINGER_SECONDS = 10.0
_MOST_NAME = 100


@dataclass(frozen=True, slots=True)
class Present:
    """A session, or an agent's token, that watches a topic."""

    credential_id: UUID
    name: str | None
    """The name of the session's device, or of the agent's token."""
    state: str
    since: datetime.datetime
    """When the session was first announced in this state."""


@dataclass(frozen=True, slots=True)
class _Announcement:
    """The latest announcement of a session in a topic."""

    present: Present
    """The empty state means that the session has left."""
    origin: float
    """When it was announced, by the wall clock of the process that the session told."""
    until: float
    """When it expires, on the event loop's clock."""


_Key = tuple[UUID, UUID]
"""A topic and a session."""


class Presence:
    """What one process knows about presence. Use as `async with`."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._users: dict[UUID, _UserPresence] = {}

    def __len__(self) -> int:
        """The number of users remembered."""
        return len(self._users)

    async def __aenter__(self) -> Presence:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [user.task for user in self._users.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def known(self, user_id: UUID, topic: UUID, credential_id: UUID) -> Present | None:
        """The latest announcement of a session in a topic, if one is remembered."""
        user = self._users.get(user_id)
        announcement = user and user.announcements.get((topic, credential_id))
        return announcement.present if announcement else None

    def announce(
        self, user_id: UUID, topic: UUID, credential_id: UUID, name: str | None, state: str, life: float
    ) -> None:
        """Announce a session's state for `life` seconds or until its next announcement. If empty, it has left."""
        present = Present(credential_id, name and name[:_MOST_NAME], state, datetime.datetime.now(datetime.UTC))
        with suppress(Overloaded):
            self._user(user_id)
        payload = _encoded([(topic, present, time.time(), life)])
        self._signals.send(user_id, _TOPIC, payload)

    async def watch(self, user_id: UUID, topic: UUID) -> AsyncGenerator[list[Present], None]:
        """Yield who watches a topic: now, and at each change. Raises `Overloaded` if too many users are remembered."""
        user = self._user(user_id)
        user.watchers += 1
        try:
            self._signals.send(user_id, _TOPIC, _ASK)
            shown: list[Present] | None = None
            while True:
                changed, present = user.changed, user.at(topic)
                if present != shown:
                    shown = present
                    yield present
                else:
                    await changed.wait()
        finally:
            user.watchers -= 1

    def _user(self, user_id: UUID) -> _UserPresence:
        user = self._users.get(user_id)
        if user is None:
            if len(self._users) >= MOST_USERS:
                raise Overloaded("Too many devices are present. Subscribe again soon.", retryAfter=1)
            user = self._users[user_id] = _UserPresence(self._signals, user_id, lambda: self._users.pop(user_id))
        return user


class _UserPresence:
    """The presence of one user, kept while somebody watches or an announcement is valid."""

    def __init__(self, signals: Signals, user_id: UUID, left: Callable[[], object]) -> None:
        self.announcements: dict[_Key, _Announcement] = {}
        self.watchers = 0
        self.changed = asyncio.Event()
        self._user_id = user_id
        self._signals = signals
        self._left = left
        # Listen now, not when the task starts: the caller sends a signal before that.
        self.task = asyncio.create_task(self._listen(signals.listen(user_id, _TOPIC)))

    def at(self, topic: UUID) -> list[Present]:
        """Who watches a topic, in order of arrival."""
        present = (
            each.present for (where, _), each in self.announcements.items() if where == topic and each.present.state
        )
        return sorted(present, key=lambda each: (each.since, each.credential_id))

    async def _listen(self, listening: Listening) -> None:
        async with aclosing(listening) as signals:
            try:
                received = await gathered(signals, within=0, quiet=_LINGER_SECONDS)
                while received or self.announcements or self.watchers:
                    self._take(received)
                    received = await gathered(signals, within=0, quiet=self._next_end())
            finally:
                # Before the next await, so that nobody gets hold of an object that is no longer updated.
                self._left()

    def _take(self, received: Collection[bytes]) -> None:
        """Remember the announcements in signals, forget expired ones, and answer questions."""
        before = dict(self.announcements)
        for key, announcement in chain.from_iterable(map(_decoded, received)):
            self._remember(key, announcement)
        now = _clock()
        self.announcements = {key: each for key, each in self.announcements.items() if each.until > now}
        if before != self.announcements:
            self.changed.set()
            self.changed = asyncio.Event()
        if _ASK in received:
            self._repeat()

    def _remember(self, key: _Key, announcement: _Announcement) -> None:
        known = self.announcements.get(key)
        self.announcements[key] = announcement if known is None else _merged(known, announcement)
        if len(self.announcements) > MOST_OF_A_USER:
            del self.announcements[min(self.announcements, key=lambda each: self.announcements[each].until)]

    def _next_end(self) -> float:
        ends = [each.until for each in self.announcements.values()]
        return max(0.0, min(ends) - _clock()) if ends else _LINGER_SECONDS

    def _repeat(self) -> None:
        """Repeat what is known, with its remaining life."""
        now = _clock()
        known = (
            (topic, each.present, each.origin, each.until - now) for (topic, _), each in self.announcements.items()
        )
        while some := list(islice(known, _TOGETHER)):
            self._signals.send(self._user_id, _TOPIC, _encoded(some))


def _merged(known: _Announcement, announcement: _Announcement) -> _Announcement:
    """The newer of two announcements, with the earlier `since` if the state is the same."""
    newer = max(known, announcement, key=lambda each: each.origin)
    if known.present.state != announcement.present.state:
        return newer
    since = min(known.present.since, announcement.present.since)
    return replace(newer, present=replace(newer.present, since=since))


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _encoded(announced: Iterable[tuple[UUID, Present, float, float]]) -> bytes:
    """Encode announcements, each with its topic, origin and remaining life in seconds."""
    return orjson.dumps(
        [
            (str(topic), str(present.credential_id), present.name, present.state, present.since, origin, life)
            for topic, present, origin, life in announced
        ]
    )


def _decoded(payload: bytes) -> Iterator[tuple[_Key, _Announcement]]:
    for topic, session, name, state, since, origin, life in orjson.loads(payload):
        key = UUID(topic), UUID(session)
        present = Present(key[1], name, state, datetime.datetime.fromisoformat(since))
        yield key, _Announcement(present, origin, _clock() + life)
