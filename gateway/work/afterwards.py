"""Statements that run after the response that caused them.

An answer that must take equally long in all cases, such as the refusal of a password, may not wait for a write that
only some cases need.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from gateway.data.driver.failure import ERRORS
from gateway.data.pool import Pool
from gateway.data.queries import Query
from gateway.errors import ParleyError

_log = structlog.get_logger(__name__)

MOST = 200
"""Statements that may wait. Further ones are dropped: what runs here must be worth having, and not more."""
_STOP_SECONDS = 5


@dataclass(frozen=True, slots=True)
class _Statement:
    query: Query
    values: dict[str, Any]
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Statements that wait to be run, one after the other."""

    pool: Pool
    committed: Callable[[UUID], None]
    """Called with the user whose rows a statement has written."""
    _waiting: asyncio.Queue[_Statement] = field(default_factory=lambda: asyncio.Queue(MOST))

    def run(self, query: Query, user_id: UUID | None, **values: Any) -> None:
        """Have a query without a tenant run soon, which may write rows of this user. It is not repeated if it fails."""
        try:
            self._waiting.put_nowait(_Statement(query, values, user_id))
        except asyncio.QueueFull:
            _log.warning("afterwards.dropped", query=query.name)

    async def done(self) -> None:
        """Wait until all that were waiting have been run."""
        await self._waiting.join()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the statements for the duration of the block, and at its end those that are left."""
        task = asyncio.create_task(self._run_each())
        try:
            yield
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await self.done()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run_each(self) -> None:
        while True:
            statement = await self._waiting.get()
            try:
                async with self.pool.connection() as connection:
                    await connection.fetch(statement.query.text, *statement.query.arguments(None, statement.values))
                if statement.user_id is not None:
                    self.committed(statement.user_id)
            except (*ERRORS, ParleyError) as error:
                _log.warning("afterwards.failed", query=statement.query.name, error=type(error).__name__)
            finally:
                self._waiting.task_done()
