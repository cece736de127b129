"""Statements of several callers in one pipeline: sent at once, answered at once, one transaction.

What a statement costs besides its work, the way to another process and back and, if it writes, a flush of the log,
is half of what it costs where it finds or adds one row. So while some are on their way, those that come meanwhile
wait, and go together when the first have arrived: a statement waits for others only where it would have waited for the
disk or the processor. Whoever is told that a row is written has it on disk, as ever.

Each statement follows a stamp of its own caller, so row-level security judges each by itself. Each gives one row, so
that the rows are told apart by their order. Where a row is missing, or one that writes fails and with it the
transaction, all go again, each by itself: nobody's mistake becomes another's error. Somebody whose statement then fails
or finds nothing goes alone for a while.
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
"""So many transactions are on their way before statements wait: while one of them is flushed, the other one works."""
_FEW = 3
"""With fewer statements on their way there is nothing to gain by waiting."""
_LEAST_AT_ONCE = 4
_MOST_AT_ONCE = 16
_LOOK_AHEAD = 64
"""So many others are passed over to find some that are the same."""
_LATE_SECONDS = 0.02
"""Statements wait no longer for those before them, who may themselves wait for a lock."""
_LARGE_BYTES = 64 * 1024
"""Rows that come to more together are each counted for the operation that asked for it."""
_APART_SECONDS = 60.0
_MOST_APART = 10_000


@dataclass(slots=True, eq=False)
class RowStatement:
    """A statement that gives one row, if any."""

    stamp: Stamp
    text: str
    arguments: Sequence[Any]
    record: type[Row] | None
    committed: Callable[[UUID], None] | None = None
    """Told of the caller when it was done after they had gone."""
    since: float = field(init=False)
    answer: asyncio.Future[list[Any] | None] = field(init=False)
    """The row, or None: it has to go by itself."""
    has_failed: bool = False
    """It, or another one of its transaction."""
    bytes: int = 0
    """The size of its row, if the rows of its transaction were large."""


class Pipeline:
    """The statements of one process that may go together: all that find a row, or all that add one."""

    def __init__(self, pool: Pool, *, writes: bool) -> None:
        self._pool = pool
        self._writes = writes
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        """What is done for many is not done in the context of the one who happened to begin it."""
        self._waiting: deque[RowStatement] = deque()
        self._transactions = self._under_way = 0
        """On their way: transactions, and statements in them."""
        self._unconnected = 0
        """Of the transactions, those that still wait for a connection."""
        self._callers: set[UUID] = set()
        """Whose writes are in transactions with those of others."""
        self._late: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._apart: dict[UUID, float] = {}
        """Until when a caller's statements go alone."""
        self.transactions = self.statements = 0
        """How many transactions had statements of several, and how many these were."""

    async def send(self, statement: RowStatement, alone: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
        """The row: by a transaction with others, or what `alone` gives where that is better.

        Raises what `alone` raises, and `Unavailable` when nobody knows whether a row was written.
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
            self._begin()  # in the next turn of the event loop, with whatever else comes in this one
        elif self._late is None:
            self._late = self._loop.call_later(_LATE_SECONDS, self._hurry)
        found = await statement.answer
        if found is not None:
            return found
        try:
            found = await alone()
        finally:
            if statement.has_failed and not found:
                self._set_apart(statement.stamp.user_id)
        return found

    def _begun(self, statements: int) -> None:
        self._transactions += 1
        self._under_way += statements

    def _ended(self, statements: int) -> None:
        self._transactions -= 1
        self._under_way -= statements
        # One that had no statements has found none that may go before others have arrived.
        if statements and self._waiting and self._transactions < _AT_A_TIME:
            self._begin()

    def _begin(self) -> None:
        self._begun(0)
        self._unconnected += 1
        task = self._loop.create_task(self._go(), context=self._context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hurry(self) -> None:
        """Have those go who have waited for long, whatever the others wait for."""
        self._late = None
        if not self._waiting:
            return
        if not self._unconnected and self._waiting[0].since + _LATE_SECONDS <= self._loop.time():
            self._begin()
        self._late = self._loop.call_later(_LATE_SECONDS, self._hurry)

    async def _go(self) -> None:
        """Send statements that wait, those that do when there is a connection for them."""
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
            _refuse(self._waiting, failure)  # there is no connection for anyone
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
        """Those that have waited longest and are the same.

        What writes takes a while: half of all that are under way go, and leave as many for the next transaction. They
        go by caller, so that locks are taken in one order, and those of one caller in one transaction after the other:
        two would only wait for each other's lock.
        """
        writes, passed = self._writes, set(self._callers)
        half = (len(self._waiting) + self._under_way + 1) // 2
        at_once = min(_MOST_AT_ONCE, max(_LEAST_AT_ONCE, half)) if writes else _MOST_AT_ONCE
        taken: list[RowStatement] = []
        left: list[RowStatement] = []
        while self._waiting and len(taken) < at_once and len(left) < _LOOK_AHEAD:
            statement = self._waiting.popleft()
            if statement.answer.done():
                continue  # its caller has gone
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
        """Have those that are not answered go by themselves."""
        for statement in statements:
            if not statement.answer.done():
                statement.answer.set_result(None)
        self._callers.difference_update(statement.stamp.user_id for statement in statements if self._writes)

    async def _send(self, statements: Sequence[RowStatement], connection: StampedConnection) -> None:
        """Answer the statements by one transaction; none of them, if they have to go by themselves."""
        sets = [(statement.stamp, statement.arguments) for statement in statements]
        before = connection.meter.unlimited.received
        try:
            rows = await connection.fetch_each(
                statements[0].text, sets, record_class=statements[0].record, hurries=self._writes
            )
            if self._writes and len(rows) != len(statements):
                raise asyncpg.InternalClientError("Not every statement has given its row.")
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
    """Those of one process. What only reads does not wait for a flush."""

    reads: Pipeline
    writes: Pipeline

    @classmethod
    def of(cls, pool: Pool) -> Pipelines:
        """The pipelines on a pool of connections."""
        return cls(Pipeline(pool, writes=False), Pipeline(pool, writes=True))


def _size(row: Row) -> int:
    """About the bytes that a row has taken on the wire."""
    return sum(len(value.encode()) if isinstance(value, str) else 8 for value in row.values())


def _refuse(statements: Iterable[RowStatement], failure: ParleyError) -> None:
    for statement in statements:
        if not statement.answer.done():
            statement.answer.set_exception(copy(failure))
