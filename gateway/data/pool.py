"""The pool of connections of the runtime role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
import structlog

from gateway.data.failure import ERRORS, told_clearly
from gateway.errors import Overloaded, Unavailable

_log = structlog.get_logger(__name__)

_STAMP = (
    "SELECT set_config('app.user_id', $1, false), set_config('app.session_id', $2, false),"
    " set_config('app.actor', $3, false)"
)
_CLOSE_SECONDS = 10
"""More than closing takes, however busy the server: only a connection that somebody keeps is waited for so long."""

OnStatement = Callable[[str], None]
"""Told the text of each statement that was sent."""


class StampedConnection(asyncpg.Connection):
    """A connection that knows whom it is stamped for."""

    __slots__ = ("_stamped_for",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._stamped_for: tuple[Any, ...] | None = None

    async def stamp_with(self, stamp: tuple[Any, ...]) -> None:
        """Make the caller of the following statements known to row-level security.

        Never inside a transaction, whose rollback would take the setting back. A failure closes the connection.
        """
        if self._stamped_for == stamp:
            return
        self._stamped_for = None
        try:
            await self.execute_stamp(*("" if part is None else str(part) for part in stamp))
        except BaseException:
            self.terminate()
            raise
        self._stamped_for = stamp

    async def execute_stamp(self, *parts: str) -> None:
        await self.fetchrow(_STAMP, *parts)


class Pool:
    """Connections of the runtime role, with a bounded wait."""

    def __init__(self, pool: asyncpg.Pool, wait_seconds: float) -> None:
        self._pool = pool
        self._wait_seconds = wait_seconds

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        size: int,
        wait_seconds: float = 2.0,
        on_statement: OnStatement | None = None,
    ) -> Pool:
        """Connect. `on_statement` is called with the text of each statement that was sent."""

        async def init(connection: asyncpg.Connection) -> None:
            if on_statement is not None:
                connection.add_query_logger(lambda record: on_statement(record.query))

        pool = await asyncpg.create_pool(
            url,
            min_size=min(2, size),
            max_size=size,
            connection_class=StampedConnection,
            statement_cache_size=500,
            max_inactive_connection_lifetime=300,
            command_timeout=30,
            server_settings={
                "application_name": "parley",
                "search_path": "parley",
                "statement_timeout": "10s",
                "lock_timeout": "5s",
                "idle_in_transaction_session_timeout": "30s",
                # The statements are short and find their rows by an index: what suits spinning disks and long reports
                # would have them scan and compile instead.
                "random_page_cost": "1.1",
                "jit": "off",
            },
            init=init,
            reset=_keep,
        )
        return cls(pool, wait_seconds)

    async def take(self) -> StampedConnection:
        """A free connection. Raises `Overloaded` when none gets free in time, `Unavailable` when none can be made."""
        with told_clearly():
            try:
                return cast("StampedConnection", await self._pool.acquire(timeout=self._wait_seconds))
            except TimeoutError:
                if self._pool.get_size() < self._pool.get_max_size():
                    raise  # there was room for another one: it is the server that kept us waiting
                raise Overloaded("All database connections are busy. Try again in a moment.", retryAfter=1) from None

    async def release(self, connection: StampedConnection) -> None:
        """Give a connection back. An open transaction is rolled back; a connection that fails at that is dropped."""
        try:
            await self._pool.release(cast("Any", connection))
        except ERRORS as error:
            _log.warning("database.connection_dropped", error=type(error).__name__)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[StampedConnection]:
        """A connection for as long as the block runs. Raises as `take` does."""
        connection = await self.take()
        try:
            yield connection
        finally:
            await self.release(connection)

    async def check(self) -> None:
        """Raise `Unavailable` or `Overloaded` unless the database answers."""
        async with self.connection() as connection:
            with told_clearly(connection):
                if await connection.fetchval("SELECT pg_is_in_recovery()", timeout=self._wait_seconds):
                    raise Unavailable("The database is a standby: it takes no writes.")

    async def close(self) -> None:
        """Close every connection once it is given back; at once if this task is being cancelled."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            self._pool.terminate()
            return
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._pool.close()
        except ERRORS as error:
            # The driver has dropped every connection by now.
            _log.warning("database.pool_dropped", error=type(error).__name__)


async def _keep(connection: asyncpg.Connection) -> None:
    """Leave the stamp on: the next caller compares it and replaces it before its first statement."""
