"""Pipelines: sends statements of several callers together, in one transaction.

The overhead of a statement (the round trip to another process and, for a write, a flush of the log) is half of the cost
of reading or adding one row. So while some statements are in flight, new ones wait, and are sent together when the
first are done. A statement waits for others only when it would have waited for the disk or the processor anyway. A
write is still confirmed only after it is on disk.

Each statement is preceded by its caller's stamp, so row-level security applies to each separately. Each returns one
row, so rows are matched to statements by order. If a row is missing, or a write fails and with it the transaction, all
are sent again separately, so that one caller's mistake never causes another's error. A caller whose statement then
fails or returns nothing is kept out of pipelines for a while.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from gateway.data.driver.connection import StampedConnection
from gateway.data.driver.failure import ERRORS, failed
from gateway.data.driver.stamp import Stamp
from gateway.data.pool import Pool
from gateway.data.rows import Row
from gateway.errors import ParleyError, Unavailable

_AT_A_TIME = 2
"""Transactions in flight before statements wait: while one is being flushed, the other one works."""
_FEW = 3
"""With fewer statements in flight, waiting gains nothing."""
_LEAST_AT_ONCE = 4
_MOST_AT_ONCE = 16
_LOOK_AHEAD = 64
"""Waiting statements that are skipped to find equal ones."""
_LATE_SECONDS = 0.02
"""Longest wait for earlier statements, which may themselves be waiting for a lock."""
_LARGE_BYTES = 64 * 1024
"""If the rows of a transaction exceed this, each is charged to the operation that requested it."""
_APART_SECONDS = 60.0
_MOST_APART = 10_000


@dataclass(slots=True, eq=False)
class RowStatement:
    """A statement that returns at most one row."""

    stamp: Stamp
    text: str
    arguments: Sequence[Any]
    record: type[Row] | None
    committed: Callable[[UUID], None] | None = None
    """Called with the caller's id if the statement completes after the caller was cancelled."""
    since: float = field(init=False)
    answer: asyncio.Future[list[Any] | None] = field(init=False)
    """The row, or None if the statement must be sent alone."""
    has_failed: bool = False
    """Whether it, or another statement of its transaction, has failed."""
    bytes: int = 0
    """The size of its row, set only if the rows of its transaction were large."""


class Pipeline:
    """Statements of one process that may be sent together: either reads or inserts of one row."""

    def __init__(self, pool: Pool, *, writes: bool) -> None:
        self._pool = pool
        self._writes = writes
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        """Shared work does not run in the context of the caller that happened to start it."""
        self._waiting: deque[RowStatement] = deque()
        self._transactions = self._under_way = 0
        """Transactions in flight, and statements in them."""
        self._unconnected = 0
        """Transactions that are still waiting for a connection."""
        self._callers: set[UUID] = set()
        """Callers whose writes are in shared transactions."""
        self._late: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._apart: dict[UUID, float] = {}
        """When a caller's exclusion from pipelines ends."""
        self.transactions = self.statements = 0
        """Counters of shared transactions and of the statements in them."""

    async def send(self, statement: RowStatement, alone: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
        """Return the row, from a shared transaction or from `alone` if that is better.

        Raises what `alone` raises, and `Unavailable` if it is unknown whether a row was written.
        """
        if self._apart and self._goes_apart(statement.stamp.user_id):
            return await alone()
        if not self._waiting and self._under_way < _FEW:
            self._begun(1)
            try:
                return await alone()
            finally:
                self._ended(1)
        statement.since, statement.answer = self._loop.time(), self._loop.create_future()
        self._waiting.append(statement)
        if self._transactions < _AT_A_TIME and not self._unconnected:
            self._begin()  # in the next iteration of the event loop, with all statements of this one
        elif self._late is None:
            self._late = self._loop.call_later(_LATE_SECONDS, self._hurry)
        rows = await statement.answer
        if rows is not None:
            return rows
        try:
            rows = await alone()
        finally:
            if statement.has_failed and not rows:
                self._set_apart(statement.stamp.user_id)
        return rows

    def _begun(self, statements: int) -> None:
        self._transactions += 1
        self._under_way += statements

    def _ended(self, statements: int) -> None:
        self._transactions -= 1
        self._under_way -= statements
        # A transaction without statements found none that may be sent before others are done.
        if statements and self._waiting and self._transactions < _AT_A_TIME:
            self._begin()

    def _begin(self) -> None:
        self._begun(0)
        self._unconnected += 1
        task = self._loop.create_task(self._go(), context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hurry(self) -> None:
        """Send statements that have waited too long, whatever is in flight."""
        self._late = None
        if not self._waiting:
            return
        if not self._unconnected and self._waiting[0].since + _LATE_SECONDS <= self._loop.time():
            self._begin()
        self._late = self._loop.call_later(_LATE_SECONDS, self._hurry)

    async def _go(self) -> None:
        """Take a connection, then send the statements that are waiting by then."""
        statements: list[RowStatement] = []
        try:
            connection = await self._connected()
            try:
                statements = self._next()
                while len(statements) == 1:
                    self._release(statements)
                    statements = self._next()
                self._under_way += len(statements)
                if statements:
                    await self._send(statements, connection)
            finally:
                await self._pool.release(connection)
        except ParleyError as failure:
            _refuse(self._waiting, failure)  # no connection is available to any of them
            self._waiting.clear()
        finally:
            self._release(statements)
            self._ended(len(statements))

    async def _connected(self) -> StampedConnection:
        try:
            return await self._pool.take()
        finally:
            self._unconnected -= 1

    def _next(self) -> list[RowStatement]:
        """Take equal statements from the queue, longest waiting first.

        Writes take a while, so this takes half of all that are waiting or in flight, and leaves as many for the next
        transaction. They are sorted by caller, so that locks are taken in a fixed order. A caller's writes go into
        successive transactions, because they would only wait for each other's lock.
        """
        writes, passed = self._writes, set(self._callers)
        half = (len(self._waiting) + self._under_way + 1) // 2
        at_once = min(_MOST_AT_ONCE, max(_LEAST_AT_ONCE, half)) if writes else _MOST_AT_ONCE
        taken: list[RowStatement] = []
        left: list[RowStatement] = []
        while self._waiting and len(taken) < at_once and len(left) < _LOOK_AHEAD:
            statement = self._waiting.popleft()
            if statement.answer.done():
                continue  # its caller was cancelled
            same = not taken or (statement.text == taken[0].text and statement.record is taken[0].record)
            if same and not (writes and statement.stamp.user_id in passed):
                taken.append(statement)
            else:
                left.append(statement)
                passed.add(statement.stamp.user_id)
        self._waiting.extendleft(reversed(left))
        if writes:
            self._callers.update(statement.stamp.user_id for statement in taken)
            taken.sort(key=lambda statement: statement.stamp.user_id.int)
        return taken

    def _release(self, statements: Sequence[RowStatement]) -> None:
        """Let unanswered statements be sent alone."""
        for statement in statements:
            if not statement.answer.done():
                statement.answer.set_result(None)
        self._callers.difference_update(statement.stamp.user_id for statement in statements if self._writes)

    async def _send(self, statements: Sequence[RowStatement], connection: StampedConnection) -> None:
        """Run the statements in one transaction. Leaves them unanswered if they must be sent alone."""
        sets = [(statement.stamp, statement.arguments) for statement in statements]
        before = connection.meter.unlimited.received
        try:
            rows = await connection.fetch_each(
                statements[0].text, sets, record_class=statements[0].record, hurries=self._writes
            )
            if self._writes and len(rows) != len(statements):
                raise asyncpg.InternalClientError("A statement did not return a row.")
        except ERRORS as error:
            failure = failed(error, connection, commits=True) if self._writes else None
            rows = []
            if isinstance(failure, Unavailable):
                _refuse(statements, failure)
        if len(rows) != len(statements):
            for statement in statements:
                statement.has_failed = True
            return
        if connection.meter.unlimited.received - before > _LARGE_BYTES:
            for statement, row in zip(statements, rows, strict=True):
                statement.bytes = _size(row)
        self.transactions += 1
        self.statements += len(statements)
        for statement, row in zip(statements, rows, strict=True):
            if not statement.answer.done():
                statement.answer.set_result([row])
            elif statement.committed is not None:
                statement.committed(statement.stamp.user_id)

    def _goes_apart(self, user_id: UUID) -> bool:
        until = self._apart.get(user_id)
        if until is None:
            return False
        if until > self._loop.time():
            return True
        del self._apart[user_id]
        return False

    def _set_apart(self, user_id: UUID) -> None:
        self._apart.pop(user_id, None)
        if len(self._apart) >= _MOST_APART:
            del self._apart[next(iter(self._apart))]
        self._apart[user_id] = self._loop.time() + _APART_SECONDS


class Pipelines(NamedTuple):
    """The pipelines of one process. Reads have their own, because they need not wait for a flush."""

    reads: Pipeline
    writes: Pipeline

    @classmethod
    def of(cls, pool: Pool) -> Pipelines:
        """Create the pipelines of a connection pool."""
        return cls(Pipeline(pool, writes=False), Pipeline(pool, writes=True))


def _size(row: Row) -> int:
    """The approximate size of a row on the wire, in bytes."""
    return sum(len(value.encode()) if isinstance(value, str) else 8 for value in row.values())


def _refuse(statements: Iterable[RowStatement], failure: ParleyError) -> None:
    for statement in statements:
        if not statement.answer.done():
            statement.answer.set_exception(copy(failure))
