"""Rows of several callers that commit together, when more of them come than the database commits one by one.

What a commit costs by itself, a flush of the log and the way to another process and back, is about half of what a small
row costs. So while some are on their way, those that come meanwhile wait, and go as one transaction when the first have
arrived: a row waits for others only where it would have waited for the disk or the processor. Whoever is answered is on
disk, as ever.

Each row is inserted by a statement of its own that carries its caller's stamp, so row-level security judges each by
itself. A transaction in which one of them fails has written nothing, and all go again, each by itself: nobody's mistake
becomes another's error. Somebody whose row then fails goes alone for a while.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from gateway.data.connection import StampedConnection
from gateway.data.failure import ERRORS, failed
from gateway.data.pool import Pool
from gateway.data.rows import Row
from gateway.data.stamp import Stamp
from gateway.errors import ParleyError, Unavailable

_AT_A_TIME = 2
"""So many transactions are on their way before rows wait: while one of them is flushed, the other one works."""
_FEW_ROWS = 3
"""With fewer on their way there is nothing to gain by waiting."""
_LEAST_AT_ONCE = 4
_MOST_AT_ONCE = 16
_LATE_SECONDS = 0.02
"""Rows wait no longer for those before them, who may themselves wait for a lock."""
_APART_SECONDS = 60.0
_MOST_APART = 10_000


@dataclass(slots=True, eq=False)
class NewRow:
    """A row to insert."""

    stamp: Stamp
    text: str
    """Of `statements.insert_stamped`."""
    arguments: Sequence[Any]
    """All but the stamp, which goes after them."""
    record: type[Row]
    committed: Callable[[UUID], None]
    """Told of the caller when the row was written after they had gone."""
    since: float = field(init=False)
    answer: asyncio.Future[Row | None] = field(init=False)
    """The row as it was stored, or None: it has to go by itself."""
    has_failed: bool = False
    """It, or another one of its transaction."""

    def parameters(self) -> list[Any]:
        """As the statement takes them."""
        return [*self.arguments, *("" if part is None else str(part) for part in self.stamp)]


class GroupCommit:
    """The new rows of one process, each of which may commit together with those of other callers."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        """What is done for many is not done in the context of the one who happened to begin it."""
        self._waiting: deque[NewRow] = deque()
        self._transactions = self._rows = 0
        """On their way."""
        self._unconnected = 0
        """Of the transactions, those that still wait for a connection."""
        self._callers: set[UUID] = set()
        """Whose rows are in transactions with those of others."""
        self._late: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._apart: dict[UUID, float] = {}
        """Until when a caller's rows go alone."""
        self.commits = self.rows = 0
        """How many transactions had rows of several, and how many rows that were."""

    async def insert(self, row: NewRow, alone: Callable[[], Awaitable[Row]]) -> Row:
        """The row as it was stored: inserted with those of others, or by `alone` where that is better.

        Raises what `alone` raises, and `Unavailable` when nobody knows whether the row was stored.
        """
        if self._apart and self._goes_apart(row.stamp.user_id):
            return await alone()
        if not self._waiting and (self._transactions < _AT_A_TIME or self._rows < _FEW_ROWS):
            self._begun(1)
            try:
                return await alone()
            finally:
                self._ended(1)
        row.since, row.answer = self._loop.time(), self._loop.create_future()
        self._waiting.append(row)
        if self._late is None:
            self._late = self._loop.call_later(_LATE_SECONDS, self._hurry)
        stored = await row.answer
        if stored is not None:
            return stored
        try:
            return await alone()
        except Exception:
            if row.has_failed:
                self._set_apart(row.stamp.user_id)
            raise

    def _begun(self, rows: int) -> None:
        self._transactions += 1
        self._rows += rows

    def _ended(self, rows: int) -> None:
        self._transactions -= 1
        self._rows -= rows
        # One that had no rows has found none that may go before others have arrived.
        if rows and self._waiting and self._transactions < _AT_A_TIME:
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
        """Write rows that wait, those that do when there is a connection for them."""
        rows: list[NewRow] = []
        try:
            connection = await self._connected()
            try:
                rows = self._next()
                self._rows += len(rows)
                if len(rows) > 1:
                    await self._commit(rows, connection)
            finally:
                await self._pool.release(connection)
        except ParleyError as failure:
            _refuse(self._waiting, failure)  # there is no connection for anyone
            self._waiting.clear()
        finally:
            self._release(rows)
            self._callers.difference_update(row.stamp.user_id for row in rows)
            self._ended(len(rows))

    async def _connected(self) -> StampedConnection:
        try:
            return await self._pool.take()
        finally:
            self._unconnected -= 1

    def _next(self) -> list[NewRow]:
        """Those that have waited longest and go by the same statement, by caller: so locks are taken in one order.

        They are about half of all that are under way, so that the next transaction has as many while this one works.
        Rows of one caller go one after the other: they would only wait for each other's lock.
        """
        at_once = min(_MOST_AT_ONCE, max(_LEAST_AT_ONCE, (len(self._waiting) + self._rows + 1) // 2))
        taken: list[NewRow] = []
        left: list[NewRow] = []
        passed = set(self._callers)
        while self._waiting and len(taken) < at_once:
            row = self._waiting.popleft()
            if row.answer.done():
                continue  # its caller has gone
            same = not taken or (row.text == taken[0].text and row.record is taken[0].record)
            if same and row.stamp.user_id not in passed:
                taken.append(row)
            else:
                left.append(row)
                passed.add(row.stamp.user_id)
        self._waiting.extendleft(reversed(left))
        self._callers.update(row.stamp.user_id for row in taken)
        return sorted(taken, key=lambda row: row.stamp.user_id.int)

    async def _commit(self, rows: Sequence[NewRow], connection: StampedConnection) -> None:
        """Write the rows in one transaction. None of them is answered if it has failed for sure."""
        sets = [row.parameters() for row in rows]
        try:
            stored = await connection.fetch_each(rows[0].text, sets, rows[0].record, rows[-1].stamp)
        except ERRORS as error:
            failure = failed(error, connection, commits=True)
            for row in rows:
                row.has_failed = True
            if isinstance(failure, Unavailable):
                _refuse(rows, failure)
            return
        self.commits += 1
        self.rows += len(rows)
        for row, found in zip(rows, stored, strict=True):
            if row.answer.done():
                row.committed(row.stamp.user_id)
            else:
                row.answer.set_result(found)

    def _release(self, rows: Iterable[NewRow]) -> None:
        """Have the rows that are not answered go by themselves."""
        for row in rows:
            if not row.answer.done():
                row.answer.set_result(None)

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


def _refuse(rows: Iterable[NewRow], failure: ParleyError) -> None:
    for row in rows:
        if not row.answer.done():
            row.answer.set_exception(copy(failure))
