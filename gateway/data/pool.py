"""The pool of connections of the runtime role.

A caller gets the free connection that is stamped for it already, and otherwise the one that has been unused for
longest, so that the stamps of those who come often stay. What is done for nobody or for many gets the one used last,
whose server process has the most at hand. Whoever finds none waits.

Users share the pool. One may have as many connections as are left for others, so whoever comes finds some free. Each
user waits in a queue of their own, and the queues are served in turn.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog
from asyncpg.connection import LoggedQuery

from gateway.data.driver.connecting import SILENCE_SECONDS, connected
from gateway.data.driver.connection import StampedConnection
from gateway.data.driver.failure import ERRORS, translated_errors
from gateway.data.driver.primary import Primary
from gateway.errors import Overloaded, ParleyError, Unavailable
from gateway.fairness.caller_counts import CallerCount, CallerCounts
from gateway.fairness.fair_queue import FairQueue
from gateway.telemetry.histogram import Histogram

_log = structlog.get_logger(__name__)

_LEAST = 2
"""So many connections stay open however little there is to do."""
_IDLE_SECONDS = 300.0
_LIFE_SECONDS = 3600.0
_LOOK_SECONDS = 5.0
_CLOSE_SECONDS = 10
"""More than closing takes, however busy the server: only a connection that somebody keeps is waited for so long."""

OnStatement = Callable[[str], None]
"""Told the text of each statement that was sent."""

OnQuery = Callable[[LoggedQuery], None]
"""Told of each statement that has ended: how long it took, and how it failed."""


class Counts(NamedTuple):
    """What a pool has at a moment."""

    idle: int
    busy: int
    """Taken, or being cleaned up."""
    size: int
    """So many connections may be open."""
    waiting: int
    """Callers who wait for one."""


class Pool:
    """Connections of the runtime role, with a bounded wait."""

    def __init__(self, connect: Callable[[], Awaitable[StampedConnection]], *, size: int, wait_seconds: float) -> None:
        self._connect = connect
        self._size = size
        self._wait_seconds = wait_seconds
        self._loop = asyncio.get_running_loop()
        self._open: set[StampedConnection] = set()
        self._opening = 0
        self._held = CallerCounts()
        """How many connections each user has, those included that are being opened for them."""
        self._for_many = CallerCount()
        """Has those that are nobody's share, and may have all."""
        self._free: list[StampedConnection] = []
        """The longest unused first."""
        self._waiting: FairQueue[StampedConnection | None] = FairQueue()
        """By user. Whoever gets None has room to make a connection."""
        self._deadlines: deque[tuple[float, asyncio.Future[StampedConnection | None]]] = deque()
        """Of those who wait or have waited, in the order in which they came."""
        self.waits = Histogram()
        """Of callers who found no connection: until they had one, or gave up."""
        self._alarm: asyncio.TimerHandle | None = None
        self._cleaning: set[asyncio.Task[None]] = set()
        self._closed = False
        self._all_closed = asyncio.Event()
        self._look = self._loop.call_later(_LOOK_SECONDS, self._look_after)

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        size: int,
        wait_seconds: float = 2.0,
        on_statement: OnStatement | None = None,
        on_query: OnQuery | None = None,
        server_settings: Mapping[str, str] | None = None,
    ) -> Pool:
        """Connect. `on_statement` is called with the text of each statement that was sent, `on_query` with the record
        of each that has ended, in the context of who sent it. Each connection also has these `server_settings`.
        """
        primary = Primary(url)

        async def connect() -> StampedConnection:
            connection = await connected(primary, wait_seconds, server_settings or {})
            if on_statement is not None:
                connection.add_query_logger(lambda record: on_statement(record.query))
            if on_query is not None:
                connection.add_query_logger(on_query)
            return connection

        pool = cls(connect, size=size, wait_seconds=wait_seconds)
        try:
            for _ in range(min(_LEAST, size)):
                pool._put_back(pool._admit(await connect()))
        except BaseException:
            pool._end()
            raise
        return pool

    async def take(self, stamp: tuple[Any, ...] | None = None) -> StampedConnection:
        """A free connection, for this caller if the stamp is known. Without a stamp, for nobody's share.

        Raises `Overloaded` when none gets free in time, `Unavailable` when none can be made.
        """
        connection = self.pick(stamp)
        if connection is not None:
            return connection
        if self._closed:
            raise _unavailable()
        began, owner = self._loop.time(), self._for_many if stamp is None else self._held[stamp[0]]
        deadline = began + self._wait_seconds
        try:
            if self._has_room() and self._may_have(owner):
                self._begin_opening(owner)
            elif (connection := await self._wait(owner, deadline)) is not None:
                return connection
            return await self._opened(owner, deadline)
        finally:
            self.waits.add(self._loop.time() - began)

    def pick(self, stamp: tuple[Any, ...] | None = None) -> StampedConnection | None:
        """As `take`, if there is a connection at once; None otherwise."""
        free = self._free
        owner = self._for_many if stamp is None else self._held[stamp[0]]
        if owner.count and not self._may_have(owner):
            return None
        while free:
            index = len(free) - 1
            if stamp is not None:
                while index and free[index].stamped_for is not stamp:
                    index -= 1
            connection = free.pop(index)
            if not connection.is_closed():
                connection.owner = owner
                owner.count += 1
                return connection
            self._drop(connection)
        return None

    def _take_from_owner(self, connection: StampedConnection) -> None:
        if connection.owner is not None:
            connection.owner.count -= 1
            connection.owner = None

    def _has_room(self) -> bool:
        return len(self._open) + self._opening < self._size

    def _may_have(self, owner: CallerCount) -> bool:
        """Whether this owner may have another connection, if there is one: no more than are left for others."""
        left = self._size - len(self._open) - self._opening + len(self._free)
        return owner.count < left or owner is self._for_many

    def take_back(self, connection: StampedConnection) -> bool:
        """As `release`, if there is nothing to clean up; False otherwise."""
        if connection.owner is None:
            raise RuntimeError("The connection is given back twice.")
        is_clean = connection.is_clean()
        if is_clean:
            self._put_back(connection)
        return is_clean

    async def release(self, connection: StampedConnection) -> None:
        """Give a connection back. An open transaction is rolled back; a connection that fails at that is dropped."""
        if self.take_back(connection):
            return
        if connection.is_closed():
            self._drop_free()
            self._drop(connection)
            return
        self._take_from_owner(connection)
        task = self._loop.create_task(self._clean(connection))
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)
        # It goes on when whoever gives the connection back is cancelled.
        await asyncio.shield(task)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[StampedConnection]:
        """A connection for as long as the block runs. Raises as `take` does."""
        connection = await self.take()
        try:
            yield connection
        finally:
            await self.release(connection)

    def counts(self) -> Counts:
        """How much of the pool is in use."""
        idle = len(self._free)
        return Counts(idle, len(self._open) - idle, self._size, len(self._waiting))

    async def check(self) -> None:
        """Raise `Unavailable` or `Overloaded` unless the database answers."""
        async with self.connection() as connection:
            with translated_errors(connection):
                if await connection.fetchval("SHOW transaction_read_only", timeout=self._wait_seconds) == "on":
                    connection.terminate()
                    raise Unavailable("The database accepts no writes.")

    async def close(self) -> None:
        """Close every connection once it is given back; at once if this task is being cancelled."""
        self._shut()
        task = asyncio.current_task()
        try:
            if task is None or not task.cancelling():
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await asyncio.gather(*(connection.close() for connection in self._free))
                    for connection in self._free:
                        self._drop(connection)
                    if self._open or self._opening:
                        await self._all_closed.wait()
        except ERRORS as error:
            _log.warning("database.pool_dropped", error=type(error).__name__)
        finally:
            self._end()

    def _put_back(self, connection: StampedConnection) -> None:
        """Give a connection that is at rest to whoever's turn it is."""
        now = connection.released_at = self._loop.time()
        if connection.owner is not None:  # as `_take_from_owner`, without the call
            connection.owner.count -= 1
            connection.owner = None
        if self._closed or now >= connection.expires_at:
            self._drop(connection)
            return
        self._free.append(connection)
        if self._waiting.lines and (found := self._waiting.next(self._may_have)) is not None:
            owner, waiter = found
            self._free.pop()
            _give(connection, owner)
            waiter.set_result(connection)

    async def _clean(self, connection: StampedConnection) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await connection.clean_up()
        except ERRORS as error:
            _log.warning("database.connection_dropped", error=type(error).__name__)
        finally:
            if connection.is_clean():
                self._put_back(connection)
            else:
                self._drop(connection)

    def _drop(self, connection: StampedConnection) -> None:
        """Do without a connection. Whoever's turn it is may make another one."""
        connection.terminate()
        self._take_from_owner(connection)
        if connection in self._open:
            self._open.remove(connection)
            self._leave_room()

    def _drop_free(self) -> None:
        """Do without all that are free, which go where one was lost: each of them might keep its caller for seconds."""
        free, self._free = self._free, []
        for connection in free:
            self._drop(connection)

    def _leave_room(self) -> None:
        """There is room to make a connection: let whoever's turn it is make it."""
        if (found := self._waiting.next(self._may_have)) is not None:
            owner, waiter = found
            self._begin_opening(owner)
            waiter.set_result(None)
        elif self._closed and not self._open and not self._opening:
            self._all_closed.set()

    def _begin_opening(self, owner: CallerCount) -> None:
        self._opening += 1
        owner.count += 1

    def _end_opening(self, owner: CallerCount) -> None:
        self._opening -= 1
        owner.count -= 1

    async def _opened(self, owner: CallerCount, deadline: float) -> StampedConnection:
        """A new connection, in room that was left for it."""
        try:
            with translated_errors():
                async with asyncio.timeout_at(deadline):
                    connection = await self._connect()
        except BaseException:
            self._end_opening(owner)
            self._leave_room()
            raise
        self._end_opening(owner)
        _give(self._admit(connection), owner)
        if self._closed:
            self._drop(connection)
            raise _unavailable()
        return connection

    def _admit(self, connection: StampedConnection) -> StampedConnection:
        # What began together does not end together.
        connection.expires_at = self._loop.time() + random.uniform(0.8, 1) * _LIFE_SECONDS  # noqa: S311
        connection.siblings = self._open
        self._open.add(connection)
        return connection

    async def _wait(self, owner: CallerCount, deadline: float) -> StampedConnection | None:
        """Wait for a connection, or for room to make one."""
        waiter: asyncio.Future[StampedConnection | None] = self._loop.create_future()
        self._waiting.add(owner, waiter)
        self._deadlines.append((deadline, waiter))
        if self._alarm is None:
            self._alarm = self._loop.call_at(deadline, self._give_up)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # It was given something in the same turn of the loop.
                connection = waiter.result()
                if connection is None:
                    self._end_opening(owner)
                    self._leave_room()
                else:
                    self._put_back(connection)
            raise

    def _give_up(self) -> None:
        """Turn those away who have waited for too long. One timer serves all, since all wait equally long."""
        self._alarm = None
        while self._deadlines:
            deadline, waiter = self._deadlines[0]
            if not waiter.done():
                if deadline > self._loop.time():
                    self._alarm = self._loop.call_at(deadline, self._give_up)
                    return
                waiter.set_exception(self._turned_away())
            self._deadlines.popleft()

    def _turned_away(self) -> ParleyError:
        if self._opening:
            return _unavailable()  # there was room for another one: it is the server that kept us waiting
        return Overloaded("All database connections are busy. Try again in a moment.", retryAfter=1)

    def _look_after(self) -> None:
        """End connections that are silent, unused or old. At most some are old at a time, so nobody has to wait."""
        self._look = self._loop.call_later(_LOOK_SECONDS, self._look_after)
        now = self._loop.time()
        for connection in self._open:
            if connection.asked_at is not None and now - connection.asked_at >= SILENCE_SECONDS:
                _log.warning("database.silent")
                connection.terminate()
        spare = len(self._open) - _LEAST
        kept = []
        for connection in self._free:
            unused = spare > 0 and now - connection.released_at >= _IDLE_SECONDS
            if unused or now >= connection.expires_at or connection.is_closed():
                spare -= 1
                self._drop(connection)
            else:
                kept.append(connection)
        self._free = kept

    def _shut(self) -> None:
        """Take no more callers."""
        self._closed = True
        self._look.cancel()
        if self._alarm is not None:
            self._alarm.cancel()
        while (found := self._waiting.next()) is not None:
            found[1].set_exception(_unavailable())

    def _end(self) -> None:
        """Close every connection at once, whoever uses it."""
        self._shut()
        self._free = []
        for connection in list(self._open):
            self._drop(connection)


def _give(connection: StampedConnection, owner: CallerCount) -> None:
    connection.owner = owner
    owner.count += 1


def _unavailable() -> Unavailable:
    return Unavailable("The database is unavailable. Try again soon.", retryAfter=1)
