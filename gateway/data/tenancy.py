"""The caller's view of the database during one operation.

Each statement carries the caller's id as its first parameter, bound here and nowhere else, and runs on a connection
stamped with the same id, so that row-level security holds the line a second time. The stamp takes the place of
asyncpg's own reset round trip, and is left out when the connection last served the same caller.

One connection serves an operation, statement after statement: links that stand side by side wait for each other
instead of taking a connection each, so a flood of wide operations cannot exhaust the pool from within.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg

from gateway.data.connection_lock import ConnectionLock
from gateway.data.driver.connection import StampedConnection
from gateway.data.driver.failure import ERRORS, failed, is_lost, translated_errors
from gateway.data.driver.meter import Allowance
from gateway.data.driver.stamp import NOBODY, Stamp
from gateway.data.pipeline import Pipelines, RowStatement
from gateway.data.pool import Pool
from gateway.data.rows import Row
from gateway.data.writing import Statements
from gateway.errors import Unauthenticated, Unavailable

_ALL: Mapping[str, tuple[str, ...]] = {}


class Tenant:
    """The caller and its lazily taken connection. Close it when the operation has ended.

    What is asked of it after that is answered on a connection that is given back at once: nobody closes it again.
    """

    def __init__(
        self,
        pool: Pool,
        stamp: Stamp | None,
        *,
        pipelines: Pipelines | None = None,
        snapshot: bool = False,
        committed: Callable[[UUID], None],
    ) -> None:
        self._pipelines = pipelines
        self._pool = pool
        self._stamp = stamp
        self._snapshot = snapshot
        self.committed = committed
        """Told whose transaction has ended, committed or not."""
        self._connection: StampedConnection | None = None
        self._in_snapshot = False
        self._closed = False
        self.shown: Mapping[str, tuple[str, ...]] = _ALL
        """The columns that will be shown of a row that is made, by its table; all, where it is not there."""
        self.allowance: Allowance | None = None
        """Told what the database sends."""
        self._lock = ConnectionLock()

    @property
    def stamp(self) -> Stamp:
        """The caller. Raises `Unauthenticated` when there is none."""
        if self._stamp is None:
            raise Unauthenticated("An access token is required: sign in first.")
        return self._stamp

    @contextmanager
    def signing_in(self, stamp: Stamp) -> Iterator[None]:
        """Go on as this caller to the end of the operation: for the mutations that begin without one.

        Not if the block fails. Until it has ended nothing is proven, and an operation may hold more mutations.
        """
        before, self._stamp = self._stamp, stamp
        try:
            yield
        except BaseException:
            self._stamp = before
            raise

    async def fetch(
        self, text: str, *arguments: Any, record: type[Row] | None = None, is_one: bool = False
    ) -> list[Any]:
        """Rows of a generated statement that only reads; the caller's id goes first.

        If there `is_one` at most, it may be read together with those of others.
        """
        if self._snapshot:
            # To cancel one statement would end the transaction of all. It runs on, at most to the operation's end.
            return await asyncio.shield(self._fetch_in_snapshot(text, arguments, record))
        lock = self._lock
        task = lock.acquire_now() or await lock.acquire()
        try:
            if is_one and (pipelines := self.open_pipelines()) is not None:
                statement = RowStatement(self.stamp, text, (self.stamp.user_id, *arguments), record)
                found = await pipelines.reads.send(statement, partial(self._fetch_surely, text, arguments, record))
                if statement.bytes:
                    self.count(statement)
                return found
            return await self._fetch_surely(text, arguments, record)
        finally:
            if self._closed or len(lock.tasks) > 1:
                await self.release_lock(task)
            else:
                lock.tasks.clear()

    def count(self, statement: RowStatement) -> None:
        """Count a large row that came together with those of others. Raises `TooLarge` and `Overloaded`."""
        if self.allowance is not None:
            self.allowance.add_received(statement.bytes)

    def open_pipelines(self) -> Pipelines | None:
        """Where the next statement may go with those of others: not if it has a connection, since all might have one
        and wait for another.
        """
        return None if self._connection is not None or self._snapshot else self._pipelines

    async def _fetch_in_snapshot(self, text: str, arguments: Sequence[Any], record: type[Row] | None) -> list[Any]:
        async with self._locked():
            return await self._fetch_surely(text, arguments, record)

    async def _fetch_surely(self, text: str, arguments: Sequence[Any], record: type[Row] | None) -> list[Any]:
        try:
            return await self._fetch(text, arguments, record)
        except (Unavailable, *ERRORS) as error:
            return await self._fetch_again(error, text, arguments, record)

    async def _fetch(self, text: str, arguments: Sequence[Any], record: type[Row] | None) -> list[Any]:
        stamp, connection = self.stamp, self._connection
        if connection is None:
            connection = self._connection = self._pool.pick(stamp) or await self._pool.take(stamp)
            connection.meter.allowance = self.allowance or connection.meter.unlimited
        if self._snapshot and not self._in_snapshot:
            connection = await self._stamped()
        return await connection.fetch(text, stamp.user_id, *arguments, record_class=record, stamp=stamp)

    async def _fetch_again(
        self, error: Exception, text: str, arguments: Sequence[Any], record: type[Row] | None
    ) -> list[Any]:
        """A connection may have died of old age. A snapshot cannot be gone on with on another one."""
        connection = self._connection
        failure = error if isinstance(error, Unavailable) else failed(error, connection)
        if failure is None:
            raise error
        if not isinstance(failure, Unavailable) or connection is None or self._in_snapshot or not is_lost(connection):
            raise failure from error
        with translated_errors(await self.take_connection()):
            return await self._fetch(text, arguments, record)

    def autocommit(self) -> AbstractAsyncContextManager[Statements]:
        """Statements that each commit by themselves."""
        return _Autocommit(self)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Statements]:
        """Statements that commit together. Nothing else of this operation may be awaited inside."""
        async with self._locked():
            connection, stamp = await self._stamped(), self.stamp
            transaction = connection.transaction()
            try:
                with translated_errors(connection):
                    await transaction.start()
                yield Statements(stamp, within=connection)
            except BaseException:
                # A connection that is lost has rolled back by that.
                with suppress(*ERRORS):
                    await connection.clean_up()
                raise
            try:
                with translated_errors(connection, commits=True):
                    await transaction.commit()
            finally:
                self.committed(stamp.user_id)

    async def anonymous(self, text: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows of a function that finds a login before the caller is known."""
        async with self._locked():
            connection = await self.take_connection()
            with translated_errors(connection):
                return await connection.fetch(text, *arguments)

    async def close(self) -> None:
        """Give the connection back. What still runs on it is wanted by nobody any more, and is cancelled."""
        self._closed = True
        if not self._lock.tasks:
            return await self._give_back()
        left: set[asyncio.Task[Any]] = set()
        try:
            while left := self._lock.tasks.keys() - {asyncio.current_task()}:  # others may begin while these end
                for task in left:
                    task.cancel()
                await asyncio.wait(left)
        finally:
            if self._connection is not None and any(not task.done() for task in left):
                self._connection.terminate()
            await self._give_back()

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """Wait until no other task uses the connection."""
        task = await self._lock.acquire()
        try:
            yield
        finally:
            await self.release_lock(task)

    async def release_lock(self, task: asyncio.Task[Any]) -> None:
        """Let the next task use the connection. What is asked after the end gives it back at once."""
        try:
            if self._closed:
                await self._give_back()
        finally:
            self._lock.release(task)

    async def take_connection(self) -> StampedConnection:
        """The connection of this operation, taken from the pool if it has none yet, or none that lives."""
        if self._connection is not None and is_lost(self._connection):
            if self._in_snapshot:
                raise Unavailable("The database is unavailable. Try again soon.", retryAfter=1)
            await self._give_back()
        if self._connection is None:
            self._connection = await self._pool.take(self._stamp or NOBODY)
            meter = self._connection.meter
            meter.allowance = self.allowance or meter.unlimited
        return self._connection

    async def _stamped(self) -> StampedConnection:
        stamp = self.stamp
        connection = await self.take_connection()
        with translated_errors(connection):
            if not connection.is_clean():
                await connection.clean_up()
            await connection.stamp_with(stamp)
            if self._snapshot and not self._in_snapshot:
                await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                self._in_snapshot = True
        return connection

    async def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.meter.allowance = connection.meter.unlimited
        in_snapshot, self._in_snapshot = self._in_snapshot, False
        if not in_snapshot and self._pool.take_back(connection):
            return
        try:
            if in_snapshot:
                # It has read what it was to read. If this fails, there is nothing to lose but the connection.
                with suppress(*ERRORS):
                    await connection.execute("COMMIT")
        finally:
            await self._pool.release(connection)


class _Autocommit:
    """A block of statements that each commit by themselves. As a generator it would cost more than what it does."""

    __slots__ = ("_task", "_tenant", "_user_id")

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def __aenter__(self) -> Statements:
        """Wait for the turn."""
        tenant, stamp = self._tenant, self._tenant.stamp
        self._user_id = stamp.user_id
        self._task = tenant._lock.acquire_now() or await tenant._lock.acquire()
        return Statements(stamp, each_for=tenant)

    async def __aexit__(self, *_: object) -> None:
        """Tell what was committed: also when it failed or was cancelled, what was done until then is done."""
        tenant = self._tenant
        tenant.committed(self._user_id)
        if tenant._closed:
            await tenant.release_lock(self._task)
        else:
            tenant._lock.release(self._task)
