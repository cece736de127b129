"""The caller's view of the database during one operation.

Each statement carries the caller's id as its first parameter, bound here and in `writing`, and runs on a connection
stamped with the same id, so that row-level security checks it a second time. The stamp replaces asyncpg's reset round
trip, and is omitted if the connection last served the same caller.

One connection serves an operation, statement after statement: sibling links wait for each other instead of taking a
connection each, so a flood of wide operations cannot exhaust the pool.
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
from gateway.data.driver.meter import ByteAllowance
from gateway.data.driver.stamp import NOBODY, Stamp
from gateway.data.pipeline import Pipelines, RowStatement
from gateway.data.pool import Pool
from gateway.data.queries import Query
from gateway.data.rows import Row
from gateway.data.writing import Statements
from gateway.errors import Unauthenticated, Unavailable

_ALL: Mapping[str, tuple[str, ...]] = {}


class Tenant:
    """The caller and a lazily taken connection. Close it when the operation has ended.

    Statements after that run on a connection that is released at once, because it is not closed again.
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
        """Called with the user of a transaction when it has ended, committed or not."""
        self._connection: StampedConnection | None = None
        self._in_snapshot = False
        self._closed = False
        self.shown: Mapping[str, tuple[str, ...]] = _ALL
        """The columns of an inserted row that will be shown, by table. For other tables, all columns."""
        self.allowance: ByteAllowance | None = None
        """Counts what the database sends."""
        self._lock = ConnectionLock()

    @property
    def stamp(self) -> Stamp:
        """The caller. Raises `Unauthenticated` if there is none."""
        if self._stamp is None:
            raise Unauthenticated("An access token is required: sign in first.")
        return self._stamp

    @contextmanager
    def signing_in(self, stamp: Stamp) -> Iterator[None]:
        """Continue as this caller until the end of the operation. For mutations that start without a caller.

        If the block fails, the stamp is undone: the caller is proven only when the block ends, and an operation may
        contain further mutations.
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
        """The rows of a generated read-only statement. The caller's id is its first parameter.

        With `is_one`, which means at most one row, it may be pipelined with other callers' statements.
        """
        if self._snapshot:
            # Cancelling one statement would end the transaction of all. It continues until the operation ends at the
            # latest.
            return await asyncio.shield(self._fetch_in_snapshot(text, arguments, record))
        lock = self._lock
        task = lock.acquire_now() or await lock.acquire()
        try:
            if is_one and (pipelines := self.open_pipelines()) is not None:
                statement = RowStatement(self.stamp, text, (self.stamp.user_id, *arguments), record)
                rows = await pipelines.reads.send(statement, partial(self._fetch_surely, text, arguments, record))
                if statement.bytes:
                    self.count(statement)
                return rows
            return await self._fetch_surely(text, arguments, record)
        finally:
            if self._closed or len(lock.tasks) > 1:
                await self.release_lock(task)
            else:
                lock.tasks.clear()

    def count(self, statement: RowStatement) -> None:
        """Count a large row from a pipeline. Raises `TooLarge` and `Overloaded`."""
        if self.allowance is not None:
            self.allowance.add_received(statement.bytes)

    def open_pipelines(self) -> Pipelines | None:
        """The pipelines for the next statement, or None if it may not be pipelined.

        An operation that holds a connection may not, because all holders could end up waiting for another one.
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
        """Retry, since the connection may have timed out. A snapshot cannot move to another connection."""
        connection = self._connection
        failure = error if isinstance(error, Unavailable) else failed(error, connection)
        if failure is None:
            raise error
        if not isinstance(failure, Unavailable) or connection is None or self._in_snapshot or not is_lost(connection):
            raise failure from error
        with translated_errors(await self.take_connection()):
            return await self._fetch(text, arguments, record)

    def autocommit(self) -> AbstractAsyncContextManager[Statements]:
        """Statements that each commit on their own."""
        return _Autocommit(self)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Statements]:
        """Statements that commit together. Do not await anything else of this operation inside."""
        async with self._locked():
            connection, stamp = await self._stamped(), self.stamp
            transaction = connection.transaction()
            try:
                with translated_errors(connection):
                    await transaction.start()
                yield Statements(stamp, within=connection)
            except BaseException:
                # If the connection is lost, the server rolls back.
                with suppress(*ERRORS):
                    await connection.clean_up()
                raise
            try:
                with translated_errors(connection, commits=True):
                    await transaction.commit()
            finally:
                self.committed(stamp.user_id)

    async def anonymous(self, text: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of a function that looks up a login before the caller is known."""
        async with self._locked():
            connection = await self.take_connection()
            with translated_errors(connection):
                return await connection.fetch(text, *arguments)

    async def close(self) -> None:
        """Release the connection. Statements that are still running are cancelled."""
        self._closed = True
        if not self._lock.tasks:
            return await self._give_back()
        left: set[asyncio.Task[Any]] = set()
        try:
            while left := self._lock.tasks.keys() - {asyncio.current_task()}:  # others may start while these end
                for task in left:
                    task.cancel()
                await asyncio.wait(left)
        finally:
            if self._connection is not None and any(not task.done() for task in left):
                self._connection.terminate()
            await self._give_back()

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """Hold the lock on the connection."""
        task = await self._lock.acquire()
        try:
            yield
        finally:
            await self.release_lock(task)

    async def release_lock(self, task: asyncio.Task[Any]) -> None:
        """Let the next task use the connection. After the end of the operation, release it at once."""
        try:
            if self._closed:
                await self._give_back()
        finally:
            self._lock.release(task)

    async def take_connection(self) -> StampedConnection:
        """The operation's connection, taken from the pool if it has none yet or has lost it."""
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
                # It only read. If this fails, only the connection is lost.
                with suppress(*ERRORS):
                    await connection.execute("COMMIT")
        finally:
            await self._pool.release(connection)


async def rows_as_system(pool: Pool, user_id: UUID, query: Query, **values: Any) -> list[Any]:
    """The rows of a hand-written query that the system runs for a user, outside of any operation of theirs."""
    tenant = Tenant(pool, Stamp(user_id, None, "system"), committed=lambda _: None)
    try:
        return await tenant.fetch(query.text, *query.after_caller(values))
    finally:
        await tenant.close()


class _Autocommit:
    """A block of statements that each commit on their own. A generator would cost more than the block's work."""

    __slots__ = ("_task", "_tenant", "_user_id")

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    async def __aenter__(self) -> Statements:
        """Acquire the lock."""
        tenant, stamp = self._tenant, self._tenant.stamp
        self._user_id = stamp.user_id
        self._task = tenant._lock.acquire_now() or await tenant._lock.acquire()
        return Statements(stamp, each_for=tenant)

    async def __aexit__(self, *_: object) -> None:
        """Report the commits, even after a failure or a cancellation, because earlier statements are committed."""
        tenant = self._tenant
        tenant.committed(self._user_id)
        if tenant._closed:
            await tenant.release_lock(self._task)
        else:
            tenant._lock.release(self._task)
