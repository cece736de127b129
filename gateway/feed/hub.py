"""The hub: who waits for which user's changes, and one reader for all of them.

A follower registers first, then reads from its cursor, then goes on with what the reader brings. The reader is woken by hints
(a commit in this process, the broker) and by a slow clock, and reads the feeds of all woken users in one statement: a
hint that is lost costs time, never an event. Followers pull from a short memory of their user's last changes; one that
fell behind it reads from the database until it has caught up, so a slow one holds nothing up and nothing back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog

from gateway.data.pool import Pool
from gateway.errors import ParleyError, Resync
from gateway.feed.broker import Broker
from gateway.feed.changes import MOST_CHANGES, Change, Place, Reading, read_waiting

_log = structlog.get_logger(__name__)
_REMEMBERED = 1024
_RETRY_SECONDS = 0.5


@dataclass(slots=True)
class Channel:
    """One user's feed as this process knows it."""

    user_id: UUID
    followers: int = 0
    place: Place | None = None
    pruned: int = 0
    recent: deque[Change] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    asked: int = 0
    answered: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, reading: Reading, asked: int) -> None:
        """Go on with what the reader found, and wake the followers."""
        self.pruned = reading.pruned
        if self.place is None or self.place.epoch != reading.epoch or self.place.version > reading.head:
            self.recent.clear()
            self.place = Place(reading.epoch, reading.head)
        elif reading.changes:
            self.recent.extend(reading.changes)
            self.place = Place(reading.epoch, reading.changes[-1].version)
        self.answered = max(self.answered, asked)
        self.moved.set()
        self.moved = asyncio.Event()

    def after(self, version: int) -> list[Change] | None:
        """What is remembered after a version; None when the memory does not go back so far."""
        assert self.place is not None
        if version >= self.place.version:
            return []
        if not self.recent or self.recent[0].version > version + 1:
            return None
        return [change for change in self.recent if change.version > version]


class Hub:
    """Serves the followers of one process. Run it as `async with`."""

    def __init__(self, pool: Pool, broker: Broker, *, poll_seconds: float) -> None:
        self._pool = pool
        self._broker = broker
        self._poll_seconds = poll_seconds
        self._channels: dict[UUID, Channel] = {}
        self._woken: set[UUID] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Hub:
        await self._broker.start(self.hint, self.hint_all)
        self._tasks = [asyncio.create_task(self._read_woken()), asyncio.create_task(self._poll())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._broker.close()

    def committed(self, user_id: UUID) -> None:
        """A write of this process was committed: wake its own followers, and tell the other processes."""
        self.hint([user_id])
        self._broker.publish(user_id)

    def hint(self, user_ids: Iterable[UUID]) -> None:
        """These users' feeds may have moved."""
        for user_id in user_ids:
            channel = self._channels.get(user_id)
            if channel is not None:
                channel.asked += 1
                self._woken.add(user_id)
                self._wake.set()

    def hint_all(self) -> None:
        """Any feed may have moved: hints may have been lost."""
        self.hint(list(self._channels))

    async def follow(self, user_id: UUID, after: Place | None) -> AsyncIterator[Change]:
        """Every change of a user's rows after a place, once, in order, for ever.

        Without a place, from now on. Raises `Resync` when the place cannot be continued from.
        """
        channel = self._channels.setdefault(user_id, Channel(user_id))
        channel.followers += 1
        try:
            await self._read_afresh(channel)
            place = channel.place if after is None else after
            assert place is not None
            while True:
                moved = channel.moved
                _check(place, channel)
                changes = channel.after(place.version)
                if changes is None:
                    changes = await self._read_behind(channel, place)
                for change in changes:
                    place = Place(change.epoch, change.version)
                    yield change
                if not changes:
                    await moved.wait()
        finally:
            channel.followers -= 1
            if not channel.followers:
                self._channels.pop(user_id, None)

    async def _read_afresh(self, channel: Channel) -> None:
        """Wait for a read that began after now, so that the channel knows of every commit up to now."""
        self.hint([channel.user_id])
        asked = channel.asked
        while channel.answered < asked:
            await channel.moved.wait()

    async def _read_behind(self, channel: Channel, place: Place) -> list[Change]:
        reading = (await read_waiting(self._pool, {channel.user_id: place.version}))[channel.user_id]
        channel.pruned = max(channel.pruned, reading.pruned)
        if reading.epoch != place.epoch or place.version < reading.pruned:
            raise _resync(place)
        return reading.changes

    async def _read_woken(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            woken, self._woken = self._woken, set()
            channels = [channel for user_id in woken if (channel := self._channels.get(user_id))]
            try:
                await self._read(channels)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ParleyError) as error:
                _log.warning("feed.read_failed", error=type(error).__name__, users=len(channels))
                await asyncio.sleep(_RETRY_SECONDS)
                self._woken.update(woken)
                self._wake.set()

    async def _read(self, channels: list[Channel]) -> None:
        asked = {channel.user_id: channel.asked for channel in channels}
        # A feed that is new here is read past its end: only its state is wanted.
        places = {c.user_id: c.place.version if c.place else 2**62 for c in channels}
        readings = await read_waiting(self._pool, places) if places else {}
        for channel in channels:
            reading = readings.get(channel.user_id)
            if reading is None:
                reading = Reading(epoch=1, head=0, pruned=0, changes=[])
            channel.take(reading, asked[channel.user_id])
            if len(reading.changes) == MOST_CHANGES:
                self.hint([channel.user_id])

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            self.hint_all()


def _check(place: Place, channel: Channel) -> None:
    """Raise `Resync` when a place is of another epoch, from the future, or no longer kept."""
    assert channel.place is not None
    known = channel.place
    if place.epoch != known.epoch or place.version > known.version or place.version < channel.pruned:
        raise _resync(place)


def _resync(place: Place) -> Resync:
    return Resync(
        "after: the feed cannot be continued from this cursor. Read the state anew and subscribe from its feedCursor.",
        cursor=str(place),
    )
