"""The statements of one caller: what a mutation reads and writes, each stamped, and bound to the caller's id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

import asyncpg

from gateway.data import statements
from gateway.data.driver.connection import StampedConnection
from gateway.data.driver.failure import ERRORS, failed, translated_errors
from gateway.data.driver.stamp import Stamp
from gateway.data.entity import entity_of
from gateway.data.pipeline import Pipelines, RowStatement
from gateway.data.queries import Query
from gateway.data.rows import Row
from gateway.data.rules import ProposedRow

T = TypeVar("T")


class Autocommitting(Protocol):
    """What statements that each commit by themselves ask of their tenant."""

    shown: Mapping[str, tuple[str, ...]]
    committed: Callable[[UUID], None]

    @property
    def stamp(self) -> Stamp:
        """The caller."""

    def open_pipelines(self) -> Pipelines | None:
        """Where the next statement may go with those of others, if it may."""

    def count(self, statement: RowStatement) -> None:
        """Count a large row that came together with those of others."""

    async def take_connection(self) -> StampedConnection:
        """The connection of the operation."""


class Statements:
    """Statements of one caller on one connection, in a transaction, or each by itself."""

    def __init__(
        self, stamp: Stamp, *, within: StampedConnection | None = None, each_for: Autocommitting | None = None
    ) -> None:
        """In the transaction that has begun on a connection, or each with an effect of its own `each_for` the tenant.

        Of these each carries the stamp, since one that fails takes it off, and the first of them takes a connection.
        """
        self.user_id = stamp.user_id
        self._connection = within
        self._tenant = each_for
        self._stamp = None if each_for is None else stamp

    async def rows(self, query: Query, **values: Any) -> list[asyncpg.Record]:
        """All rows that a hand-written query gives."""
        arguments = query.arguments(self.user_id, values)
        connection = self._connection or await self._connected()
        with translated_errors(connection, commits=self._stamp is not None):
            return await connection.fetch(query.text, *arguments, stamp=self._stamp)

    async def row(self, query: Query, **values: Any) -> asyncpg.Record | None:
        """The row that a hand-written query gives, or None."""
        return await self._row(query.text, query.arguments(self.user_id, values))

    async def maybe(self, entity: type[T], query: Query, **values: Any) -> T | None:
        """The one object that a hand-written query returns with `:columns`, or None."""
        described = entity_of(entity)
        encoded = described.encoded(values)
        arguments = query.arguments(self.user_id, encoded)
        try:
            found = await self._row(query.returning(described.columns), arguments, described.record)
        except asyncpg.IntegrityConstraintViolationError as error:
            _remember(error, described.table, encoded)
            raise
        return cast("T | None", found)

    async def get(self, entity: type[T], id: UUID, *also: str) -> T | None:
        """The caller's object with this id, deleted or not, or None. Its row has the columns in `also` besides."""
        described = entity_of(entity)
        text = statements.by_key(described.table, "id", (*described.columns, *also))
        found = await self._row(text, [self.user_id, [id]], described.record)
        return cast("T | None", found)

    async def insert(self, entity: type[T], values: dict[str, Any], *, for_show: bool = False) -> T:
        """A new object of the caller. `for_show`, it has no more columns than will be shown of it, and its id.

        As the first statement of an operation that is in no transaction, it may commit together with those of others.
        """
        described, tenant = entity_of(entity), self._tenant
        columns = described.columns
        if for_show and tenant is not None:
            columns = tenant.shown.get(described.table, columns)
        text = statements.insert(described.table, tuple(values), columns)
        encoded = described.encoded(values)
        arguments = [self.user_id, *encoded.values()]

        async def alone() -> list[Any]:
            return [await self._row(text, arguments, described.record)]

        pipelines = None if tenant is None else tenant.open_pipelines()
        try:
            if tenant is None or pipelines is None:
                (made,) = await alone()
            else:
                statement = RowStatement(tenant.stamp, text, arguments, described.record, tenant.committed)
                (made,) = await pipelines.writes.send(statement, alone)
                if statement.bytes:
                    tenant.count(statement)
        except asyncpg.IntegrityConstraintViolationError as error:
            _remember(error, described.table, encoded)
            raise
        return made  # type: ignore[no-any-return]

    async def update(
        self,
        entity: type[T],
        id: UUID,
        values: dict[str, Any],
        *,
        guard: str | Mapping[str, Any] = "",
        parameters: Sequence[Any] = (),
    ) -> T | None:
        """Change the caller's object where `guard` holds; None when there is no such object.

        A guard is a mapping of columns to the values that they must have, or a condition whose `parameters` are
        numbered after the id and the values.
        """
        described = entity_of(entity)
        if not isinstance(guard, str):
            parameters = tuple(described.encoded(guard).values())
            guard = statements.equal(tuple(guard), 3 + len(values))
        text = statements.update(described.table, tuple(values), guard, described.columns)
        encoded = described.encoded(values)
        arguments = [self.user_id, id, *encoded.values(), *parameters]
        try:
            changed = await self._row(text, arguments, described.record)
        except asyncpg.IntegrityConstraintViolationError as error:
            _remember(error, described.table, encoded)
            raise
        return cast("T | None", changed)

    async def _row(self, text: str, arguments: Sequence[Any], record: type[Row] | None = None) -> asyncpg.Record | None:
        connection = self._connection or await self._connected()
        try:
            found: asyncpg.Record | None = await connection.fetchrow(
                text, *arguments, record_class=record, stamp=self._stamp
            )
        except ERRORS as error:
            failure = failed(error, connection, commits=self._stamp is not None)
            if failure is None:
                raise
            raise failure from error
        return found

    async def _connected(self) -> StampedConnection:
        connection = self._connection = await cast("Autocommitting", self._tenant).take_connection()
        return connection


def _remember(error: asyncpg.PostgresError, table: str, values: Mapping[str, Any]) -> None:
    """Have an error know what was to be written."""
    error.attempt = ProposedRow(table, values)  # type: ignore[attr-defined]
