"""The hub: who follows which user's changes, and one reader for all of them.

A follower registers, reads from its cursor, and then continues with what the reader delivers. Hints (from a commit in
this process or from the broker) and a slow poll wake the reader, which reads the feeds of many users in one statement.
A lost hint costs time, never an event. Followers pull from a short buffer of their user's latest changes. A follower
that falls behind the buffer reads from the database until it has caught up, so slow followers neither delay others nor
lose changes. While the database is unavailable, followers wait and the reader retries.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from gateway.broker.protocol import Broker
from gateway.data.pool import Pool
from gateway.errors import Overloaded, Unavailable
from gateway.feed.changes import MOST_CHANGES, Change, FeedCursor, Reading, check_resumable, read_waiting, resync

_log = structlog.get_logger(__name__)
_REMEMBERED = 1024
_RETRY_SECONDS = 0.5
_PATIENCE_SECONDS = 10
"""How long a new follower waits for the database."""
_MOST_USERS = 250
"""Users per statement. Row-level security looks for each row's user in the list of all of them."""
_UNREAD = FeedCursor(epoch=0, version=2**62)
"""Initial cursor, past the end of any feed, so that the first read returns the feed's state and no changes."""


@dataclass(slots=True)
class Channel:
    """What this process knows about one user's feed."""

    user_id: UUID
    followers: int = 0
    cursor: FeedCursor = _UNREAD
    """After the last change that the reader delivered."""
    head: FeedCursor = _UNREAD
    """The highest known version. A follower that reads from the database may see more than the reader."""
    pruned: int = 0
    recent: deque[Change] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    asked: int = 0
    answered: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, reading: Reading, asked: int) -> None:
        """Apply a reading, and wake the followers."""
        head = FeedCursor(reading.epoch, reading.head)
        if self.cursor.epoch != head.epoch or self.cursor.version > head.version:
            # The first reading, or the feed was replaced, for example by a restore.
            self.recent.clear()
            self.cursor = self.head = head
        elif reading.changes:
            if reading.changes[0].version != self.cursor.version + 1:
                self.recent.clear()  # the changes in between have been pruned
            self.recent.extend(reading.changes)
            self.cursor = FeedCursor(head.epoch, reading.changes[-1].version)
        self.learn(reading)
        self.answered = max(self.answered, asked)
        self.moved.set()
        self.moved = asyncio.Event()

    def learn(self, reading: Reading) -> None:
        """Update the range of versions that the feed has."""
        if reading.epoch == self.head.epoch:
            self.head = max(self.head, FeedCursor(reading.epoch, reading.head))
            self.pruned = reading.pruned

    def check(self, cursor: FeedCursor) -> None:
        """Raise `Resync` if a cursor is of another epoch, in the future, or pruned."""
        check_resumable(cursor, self.head, self.pruned)

    def after(self, version: int) -> list[Change] | None:
        """The buffered changes after a version; None if the buffer does not go back that far."""
        if version >= self.cursor.version:
            return []
        if not self.recent or self.recent[0].version > version + 1:
            return None
        return [change for change in self.recent if change.version > version]


class Hub:
    """Serves the followers of one process. Use as `async with`."""

    def __init__(self, pool: Pool, broker: Broker, *, poll_seconds: float) -> None:
        self._pool = pool
        self._broker = broker
        self._poll_seconds = poll_seconds
        self._channels: dict[UUID, Channel] = {}
        self._woken: set[UUID] = set()
        self._wake = asyncio.Event()
        # Only one follower catches up at a time, so that the reader always gets a connection.
        self._catching_up = asyncio.Semaphore(1)
        self._tasks: list[asyncio.Task[None]] = []
        self._read_at = 0.0

    def __len__(self) -> int:
        """The number of users followed."""
        return len(self._channels)

    @property
    def lag_seconds(self) -> float:
        """Seconds since feeds were last read, normally at most the poll interval; 0 without followers."""
        return time.monotonic() - self._read_at if self._channels else 0.0

    async def __aenter__(self) -> Hub:
        self._tasks = [asyncio.create_task(self._keep_reading()), asyncio.create_task(self._poll())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def committed(self, user_id: UUID) -> None:
        """After a commit of this process, wake its own followers and send hints to the other processes."""
        self.hint([user_id])
        self._broker.publish(user_id)

    def hint(self, user_ids: Iterable[UUID]) -> None:
        """Note that these users' feeds may have new changes."""
        for user_id in user_ids:
            channel = self._channels.get(user_id)
            if channel is not None:
                channel.asked += 1
                self._woken.add(user_id)
                self._wake.set()

    def hint_all(self) -> None:
        """Note that any feed may have new changes, because hints may have been lost."""
        self.hint(list(self._channels))

    def reader(self, user_id: UUID, after: FeedCursor | None) -> FeedReader:
        """Register a reader of a user's feed, after a cursor or, without one, from its present end. Close it."""
        return FeedReader(self, user_id, after)

    async def follow(self, user_id: UUID, after: FeedCursor | None) -> AsyncGenerator[list[Change], None]:
        """Yield every change of a user's rows after a cursor, once and in order, in lists of those that wait.

        Without a cursor, starts now. Raises `Resync` if the cursor cannot be resumed, and `Unavailable` if the database
        cannot be reached to check it.
        """
        with closing(self.reader(user_id, after)) as reader:
            await reader.begin()
            while True:
                if changes := await reader.read():
                    yield changes
                else:
                    await reader.moved()

    def register(self, user_id: UUID) -> Channel:
        """Add a follower, and return the user's channel."""
        channel = self._channels.get(user_id)
        if channel is None:
            channel = self._channels[user_id] = Channel(user_id)
            # Watch before the first read, so that hints of later commits arrive.
            self._broker.watch(user_id)
            if len(self._channels) == 1:
                self._read_at = time.monotonic()
        channel.followers += 1
        return channel

    def unregister(self, channel: Channel) -> None:
        """Remove a follower."""
        channel.followers -= 1
        if not channel.followers:
            del self._channels[channel.user_id]
            self._broker.unwatch(channel.user_id)

    async def read_afresh(self, channel: Channel) -> None:
        """Wait for a read that starts after this call, so that the channel covers every commit up to now."""
        self.hint([channel.user_id])
        asked = channel.asked
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while channel.answered < asked:
                    await channel.moved.wait()
        except TimeoutError:
            raise Unavailable("The database is unavailable. Subscribe again soon.") from None

    async def read_behind(self, channel: Channel, cursor: FeedCursor) -> list[Change]:
        """Read the next changes after a cursor from the database; none if it was briefly unavailable."""
        try:
            async with self._catching_up:
                readings = await read_waiting(self._pool, {channel.user_id: cursor.version})
        except (Overloaded, Unavailable):
            await self.read_afresh(channel)
            return []
        reading = readings.get(channel.user_id)
        if reading is None or reading.epoch != cursor.epoch or cursor.version < reading.pruned:
            raise resync(cursor)
        channel.learn(reading)
        return reading.changes

    async def _keep_reading(self) -> None:
        reading = True
        while True:
            await self._wake.wait()
            self._wake.clear()
            woken, self._woken = self._woken, set()
            try:
                await self._read(woken)
            except Exception as error:  # noqa: BLE001 - without the reader, no follower gets any changes
                if reading:
                    _log.warning("feed.read_failed", error=type(error).__name__, users=len(woken))
                reading = False
                await asyncio.sleep(_RETRY_SECONDS)
                self._woken |= woken
                self._wake.set()
            else:
                if not reading:
                    _log.info("feed.read_again")
                reading = True

    async def _read(self, woken: Iterable[UUID]) -> None:
        channels = [channel for user_id in woken if (channel := self._channels.get(user_id))]
        for start in range(0, len(channels), _MOST_USERS):
            await self._read_channels(channels[start : start + _MOST_USERS])

    async def _read_channels(self, channels: list[Channel]) -> None:
        asked = {channel.user_id: channel.asked for channel in channels}
        readings = await read_waiting(self._pool, {channel.user_id: channel.cursor.version for channel in channels})
        self._read_at = time.monotonic()
        for channel in channels:
            reading = readings.get(channel.user_id, _NO_FEED)
            channel.take(reading, asked[channel.user_id])
            if len(reading.changes) == MOST_CHANGES:
                self.hint([channel.user_id])

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            self.hint_all()


class FeedReader:
    """A cursor-based reader of one user's feed. It is registered from its creation until it is closed."""

    __slots__ = ("_channel", "_closed", "_cursor", "_hub")

    def __init__(self, hub: Hub, user_id: UUID, after: FeedCursor | None) -> None:
        self._hub = hub
        self._channel = hub.register(user_id)
        self._cursor = after
        self._closed = False

    async def begin(self) -> None:
        """Read the feed's present state. Raises `Unavailable` if the database does not answer."""
        await self._hub.read_afresh(self._channel)
        if self._cursor is None:
            self._cursor = self._channel.head
        self._channel.check(self._cursor)

    @property
    def cursor(self) -> FeedCursor:
        """After the last change that was read. Before `begin`, only if one was passed."""
        assert self._cursor is not None  # noqa: S101 - a bug in the caller
        return self._cursor

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed."""
        return not self._closed

    @property
    def channel(self) -> Channel:
        """What this process knows about the feed."""
        return self._channel

    @property
    def has_all(self) -> bool:
        """Whether it has read every change that the process knows."""
        known = self._channel.cursor
        return known.epoch == self.cursor.epoch and known.version <= self.cursor.version

    async def read(self) -> list[Change]:
        """Return the next changes, oldest first, or none. More may follow.

        Raises `Resync` if the cursor cannot be resumed.
        """
        while True:
            self._channel.check(self.cursor)
            changes = self._channel.after(self.cursor.version)
            if changes is None:
                changes = await self._hub.read_behind(self._channel, self.cursor)
                if not changes:
                    continue  # the database was unavailable
            if changes:
                self._cursor = FeedCursor(changes[-1].epoch, changes[-1].version)
            return changes

    async def moved(self) -> None:
        """Wait until the process knows of new changes. Call it directly after a `read` that returned nothing."""
        moved = self._channel.moved
        if self._channel.head.version > self.cursor.version:
            # Another follower, reading from the database, has seen more than the reader.
            self._hub.hint([self._channel.user_id])
        await moved.wait()

    def close(self) -> None:
        """Unregister. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._hub.unregister(self._channel)


_NO_FEED = Reading(epoch=1, head=0, pruned=0, changes=[])
