"""The caller's view of the database during one operation.

Each statement carries the caller's id as its first parameter, bound here and nowhere else, and runs on a connection
stamped with the same id, so that row-level security holds the line a second time. The stamp takes the place of asyncpg's own
reset round trip, and is left out when the connection last served the same caller.

One connection serves an operation, statement after statement: links that stand side by side wait for each other
instead of taking a connection each, so a flood of wide operations cannot exhaust the pool from within.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from uuid import UUID

import asyncpg

from gateway.data import statements
from gateway.data.pool import Pool, StampedConnection
from gateway.data.queries import Query
from gateway.data.rows import Row
from gateway.errors import Unauthenticated

if TYPE_CHECKING:
    from gateway.schema.entity import Entity

T = TypeVar("T")


class Stamp(NamedTuple):
    """What row-level security and the history of decisions know of the caller."""

    user_id: UUID
    session_id: UUID | None
    actor: str


class Statements:
    """Statements of one caller on one connection."""

    def __init__(self, connection: StampedConnection, user_id: UUID) -> None:
        self.connection = connection
        self.user_id = user_id

    async def rows(self, query: Query, **values: Any) -> list[asyncpg.Record]:
        """All rows that a hand-written query gives."""
        return await self.connection.fetch(query.text, *query.arguments(self.user_id, values))

    async def row(self, query: Query, **values: Any) -> asyncpg.Record | None:
        """The row that a hand-written query gives, or None."""
        return await self.connection.fetchrow(query.text, *query.arguments(self.user_id, values))

    async def maybe(self, entity: type[T], query: Query, **values: Any) -> T | None:
        """The one object that a hand-written query returns with `:columns`, or None."""
        described = _entity(entity)
        encoded = {name: described.encode(name, value) for name, value in values.items()}
        found = await self.connection.fetchrow(
            query.returning(described.columns),
            *query.arguments(self.user_id, encoded),
            record_class=described.record,
        )
        return cast("T | None", found)

    async def get(self, entity: type[T], id: UUID) -> T | None:
        """The caller's object with this id, deleted or not, or None."""
        described = _entity(entity)
        text = statements.by_key(described.table, "id", described.columns)
        found = await self.connection.fetchrow(text, self.user_id, [id], record_class=described.record)
        return cast("T | None", found)

    async def insert(self, entity: type[T], values: dict[str, Any]) -> T:
        """A new object of the caller."""
        described = _entity(entity)
        text = statements.insert(described.table, tuple(values), described.columns)
        arguments = (described.encode(name, value) for name, value in values.items())
        made = await self.connection.fetchrow(text, self.user_id, *arguments, record_class=described.record)
        return cast("T", made)

    async def update(
        self, entity: type[T], id: UUID, values: dict[str, Any], *, guard: str = "", parameters: Sequence[Any] = ()
    ) -> T | None:
        """Change the caller's object where `guard` holds; None when there is no such object.

        The guard's parameters are numbered after the id and the values.
        """
        described = _entity(entity)
        text = statements.update(described.table, tuple(values), guard, described.columns)
        arguments = (described.encode(name, value) for name, value in values.items())
        changed = await self.connection.fetchrow(
            text, self.user_id, id, *arguments, *parameters, record_class=described.record
        )
        return cast("T | None", changed)


class Tenant:
    """The caller and its lazily taken connection. Close it when the operation has ended."""

    def __init__(
        self, pool: Pool, stamp: Stamp | None, *, snapshot: bool = False, committed: Callable[[UUID], None]
    ) -> None:
        self._pool = pool
        self._stamp = stamp
        self._snapshot = snapshot
        self._committed = committed
        self._connection: StampedConnection | None = None
        self._lock = asyncio.Lock()

    @property
    def stamp(self) -> Stamp:
        """The caller. Raises `Unauthenticated` when there is none."""
        if self._stamp is None:
            raise Unauthenticated("This needs an access token: sign in first.")
        return self._stamp

    def sign_in(self, stamp: Stamp) -> None:
        """Go on as this caller: for the mutations that begin without one."""
        self._stamp = stamp

    async def fetch(self, text: str, *arguments: Any, record: type[Row] | None = None) -> list[Any]:
        """Rows of a generated statement; the caller's id goes first."""
        async with self._lock:
            connection = await self._stamped()
            return await connection.fetch(text, self.stamp.user_id, *arguments, record_class=record)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[Statements]:
        """Statements that each commit by themselves."""
        async with self._lock:
            yield Statements(await self._stamped(), self.stamp.user_id)
        self._committed(self.stamp.user_id)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Statements]:
        """Statements that commit together. Nothing else of this operation may be awaited inside."""
        async with self._lock:
            connection = await self._stamped()
            async with connection.transaction():
                yield Statements(connection, self.stamp.user_id)
        self._committed(self.stamp.user_id)

    async def anonymous(self, text: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows of a function that finds a login before the caller is known."""
        async with self._lock:
            return await (await self._taken()).fetch(text, *arguments)

    async def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if self._snapshot and not connection.is_closed():
                await connection.execute("COMMIT")
        finally:
            await self._pool.release(connection)

    async def _taken(self) -> StampedConnection:
        if self._connection is None:
            self._connection = await self._pool.take()
        return self._connection

    async def _stamped(self) -> StampedConnection:
        stamp = self.stamp
        fresh = self._connection is None
        connection = await self._taken()
        await connection.stamp_with(stamp)
        if fresh and self._snapshot:
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return connection


def _entity(cls: type) -> Entity:
    return cast("Any", cls).__entity__  # type: ignore[no-any-return]
