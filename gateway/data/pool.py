"""The pool of connections of the runtime role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import asyncpg

from gateway.errors import Overloaded

_STAMP = (
    "SELECT set_config('app.user_id', $1, false), set_config('app.session_id', $2, false),"
    " set_config('app.actor', $3, false)"
)


OnStatement = Callable[[str], None]
"""Told the text of each statement that was sent."""


class StampedConnection(asyncpg.Connection):  # type: ignore[misc]
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
            },
            init=init,
            reset=_keep,
        )
        return cls(pool, wait_seconds)

    async def take(self) -> StampedConnection:
        """A free connection. Raises `Overloaded` when none gets free in time."""
        try:
            return cast("StampedConnection", await self._pool.acquire(timeout=self._wait_seconds))
        except TimeoutError:
            raise Overloaded("All database connections are busy. Try again in a moment.", retryAfter=1) from None

    async def release(self, connection: StampedConnection) -> None:
        """Give a connection back. An open transaction is rolled back."""
        await self._pool.release(connection)

    async def check(self) -> None:
        """Raise unless the database answers."""
        async with self._pool.acquire(timeout=self._wait_seconds) as connection:
            await connection.fetchval("SELECT 1")

    async def close(self) -> None:
        """Close every connection once it is given back."""
        await self._pool.close()


async def _keep(connection: asyncpg.Connection) -> None:
    """Leave the stamp on: the next caller compares it and replaces it before its first statement."""
