"""The connection pool of the runtime role.

A caller gets the free connection that already has its stamp or else the one unused for longest, so that the stamps of
frequent callers stay. Work for no caller, or for several, gets the connection used last, whose server process has the
warmest caches. If none is free, callers wait.

Users share the pool. A user may hold at most as many connections as are left for others, so newcomers always find some
free. Each user has its own queue, and the queues are served in turn.
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
"""Connections that stay open when idle."""
_IDLE_SECONDS = 300.0
_LIFE_SECONDS = 3600.0
_LOOK_SECONDS = 5.0
_CLOSE_SECONDS = 10
"""Longer than closing takes on a busy server, so this applies only to connections that are never released."""

OnStatement = Callable[[str], None]
"""Called with the text of each statement sent."""

OnQuery = Callable[[LoggedQuery], None]
"""Called for each finished statement, with its duration and error, in the context of its sender."""


class PoolCounts(NamedTuple):
    """The state of a pool."""

    idle: int
    busy: int
    """In use, or being cleaned up."""
    size: int
    """The limit on open connections."""
    waiting: int
    """Callers waiting for one."""


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
        """Connections per user, including those being opened for them."""
        self._for_many = CallerCount()
        """Counts connections that are in no user's share. It may hold all."""
        self._free: list[StampedConnection] = []
        """Longest unused first."""
        self._waiting: FairQueue[StampedConnection | None] = FairQueue()
        """By user. A waiter that gets None may open a connection."""
        self._deadlines: deque[tuple[float, asyncio.Future[StampedConnection | None]]] = deque()
        """Deadlines of present and past waiters, in order of arrival."""
        self.waits = Histogram()
        """How long callers without a free connection waited until they got one or gave up."""
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
        """Open a pool whose connections have these additional `server_settings`."""
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
        """Take a connection, preferably one with this stamp. Without a stamp, it is in no user's share.

        Raises `Overloaded` if none becomes free in time, and `Unavailable` if none can be opened.
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
        """Like `take`, but return None if it would have to wait."""
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
        """Whether this owner may have another connection: it must leave at least as many for others."""
        left = self._size - len(self._open) - self._opening + len(self._free)
        return owner.count < left or owner is self._for_many

    def take_back(self, connection: StampedConnection) -> bool:
        """Like `release`, but return False if the connection must be cleaned up."""
        if connection.owner is None:
            raise RuntimeError("The connection was released twice.")
        is_clean = connection.is_clean()
        if is_clean:
            self._put_back(connection)
        return is_clean

    async def release(self, connection: StampedConnection) -> None:
        """Release a connection. An open transaction is rolled back. If that fails, the connection is dropped."""
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
        # It continues if the caller of this method is cancelled.
        await asyncio.shield(task)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[StampedConnection]:
        """A connection for the duration of the block. Raises like `take`."""
        connection = await self.take()
        try:
            yield connection
        finally:
            await self.release(connection)

    def counts(self) -> PoolCounts:
        """The present state of the pool."""
        idle = len(self._free)
        return PoolCounts(idle, len(self._open) - idle, self._size, len(self._waiting))

    async def check(self) -> None:
        """Raise `Unavailable` or `Overloaded` unless the database answers."""
        async with self.connection() as connection:
            with translated_errors(connection):
                if await connection.fetchval("SHOW transaction_read_only", timeout=self._wait_seconds) == "on":
                    connection.terminate()
                    raise Unavailable("The database accepts no writes.")

    async def close(self) -> None:
        """Close every connection once it is released, or immediately if this task is being cancelled."""
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
        """Pass a clean connection to the next waiter, or keep it."""
        now = connection.released_at = self._loop.time()
        if connection.owner is not None:  # `_take_from_owner`, inlined
            connection.owner.count -= 1
            connection.owner = None
        if self._closed or now >= connection.expires_at:
            self._drop(connection)
            return
        self._free.append(connection)
        if self._waiting.lines and (entry := self._waiting.next(self._may_have)) is not None:
            owner, waiter = entry
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
        """Close a connection. The next waiter may open another one."""
        connection.terminate()
        self._take_from_owner(connection)
        if connection in self._open:
            self._open.remove(connection)
            self._leave_room()

    def _drop_free(self) -> None:
        """Close all free connections after one was lost, because each might block its caller for seconds."""
        free, self._free = self._free, []
        for connection in free:
            self._drop(connection)

    def _leave_room(self) -> None:
        """Let the next waiter open a connection, now that there is room."""
        if (entry := self._waiting.next(self._may_have)) is not None:
            owner, waiter = entry
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
        """Open a connection, for which room was reserved."""
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
        # Jitter, so that connections opened together do not expire together.
        connection.expires_at = self._loop.time() + random.uniform(0.8, 1) * _LIFE_SECONDS  # noqa: S311
        connection.siblings = self._open
        self._open.add(connection)
        return connection

    async def _wait(self, owner: CallerCount, deadline: float) -> StampedConnection | None:
        """Wait for a connection, or for room to open one (None)."""
        waiter: asyncio.Future[StampedConnection | None] = self._loop.create_future()
        self._waiting.add(owner, waiter)
        self._deadlines.append((deadline, waiter))
        if self._alarm is None:
            self._alarm = self._loop.call_at(deadline, self._give_up)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # It got its result in the same iteration of the event loop.
                connection = waiter.result()
                if connection is None:
                    self._end_opening(owner)
                    self._leave_room()
                else:
                    self._put_back(connection)
            raise

    def _give_up(self) -> None:
        """Refuse waiters whose time is up. One timer is enough, because all have the same timeout."""
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
            return _unavailable()  # connections are being opened, so it is the server that is slow
        return Overloaded("All database connections are busy. Try again in a moment.", retryAfter=1)

    def _look_after(self) -> None:
        """Close connections that are silent, unused or old. Few expire at a time, so callers need not wait."""
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
        """Accept no more callers."""
        self._closed = True
        self._look.cancel()
        if self._alarm is not None:
            self._alarm.cancel()
        while (entry := self._waiting.next()) is not None:
            entry[1].set_exception(_unavailable())

    def _end(self) -> None:
        """Close every connection immediately, even if it is in use."""
        self._shut()
        self._free = []
        for connection in list(self._open):
            self._drop(connection)


def _give(connection: StampedConnection, owner: CallerCount) -> None:
    connection.owner = owner
    owner.count += 1


def _unavailable() -> Unavailable:
    return Unavailable("The database is unavailable. Try again soon.", retryAfter=1)
