"""The statements of a mutation, each stamped and bound to the caller's id."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeVar, cast
from uuid import UUID

import asyncpg

from gateway.data import statements
from gateway.data.driver.connection import StampedConnection
from gateway.data.driver.failure import ERRORS, failed, translated_errors
from gateway.data.driver.stamp import Stamp
from gateway.data.entity import entity_of
from gateway.data.pipeline import Pipelines, RowStatement
from gateway.data.queries import Query
from gateway.data.rows import Row, json_rows
from gateway.data.rules import ProposedRow
from gateway.data.statements import Through

T = TypeVar("T")

REFUSED = (asyncpg.IntegrityConstraintViolationError, asyncpg.InvalidParameterValueError)
"""What rules of the database raise: constraints, and triggers that check a value."""

_NO_GUARD: Mapping[str, Any] = MappingProxyType({})


class Autocommitting(Protocol):
    """The tenant's interface for statements that each commit on their own."""

    shown: Mapping[str, tuple[str, ...]]
    committed: Callable[[UUID], None]

    @property
    def stamp(self) -> Stamp:
        """The caller."""

    def open_pipelines(self) -> Pipelines | None:
        """The pipelines for the next statement, or None if it may not be pipelined."""

    def count(self, statement: RowStatement) -> None:
        """Count a large row from a pipeline."""

    async def take_connection(self) -> StampedConnection:
        """The connection of the operation."""


class Statements:
    """Statements of one caller on one connection, in a transaction or each on its own."""

    def __init__(
        self, stamp: Stamp, *, within: StampedConnection | None = None, each_for: Autocommitting | None = None
    ) -> None:
        """With `within`, the statements run in the connection's transaction. With `each_for`, each commits on its own.

        In the second case, the first statement takes a connection, and each carries the stamp, because a failed one
        undoes it.
        """
        self.user_id = stamp.user_id
        self._connection = within
        self._tenant = each_for
        self._stamp = None if each_for is None else stamp

    async def rows(self, query: Query, **values: Any) -> list[asyncpg.Record]:
        """All rows of a hand-written query."""
        arguments = query.arguments(self.user_id, values)
        connection = self._connection or await self._connected()
        with translated_errors(connection, commits=self._stamp is not None):
            return await connection.fetch(query.text, *arguments, stamp=self._stamp)

    async def row(self, query: Query, **values: Any) -> asyncpg.Record | None:
        """The single row of a hand-written query, or None."""
        return await self._row(query.text, query.arguments(self.user_id, values))

    async def maybe(self, entity: type[T], query: Query, **values: Any) -> T | None:
        """The single object that a hand-written query returns with `:columns`, or None."""
        described = entity_of(entity)
        encoded = described.encoded(values)
        arguments = query.arguments(self.user_id, encoded)
        try:
            row = await self._row(query.returning(described.columns), arguments, described.record)
        except REFUSED as error:
            _remember(error, described.table, encoded)
            raise
        return cast("T | None", row)

    async def get(self, entity: type[T], id: UUID | None, *also: str) -> T | None:
        """The caller's object with this id, deleted or not, or None. Its row also has the columns in `also`.

        Without an id, it is the object that each user has one of.
        """
        described, (by, key) = entity_of(entity), self._key(id)
        text = statements.by_key(described.table, by, (*described.columns, *also))
        row = await self._row(text, [self.user_id, [key]], described.record)
        return cast("T | None", row)

    async def insert(self, entity: type[T], values: dict[str, Any], *, for_show: bool = False) -> T:
        """Insert an object of the caller. With `for_show`, only its id and the columns that will be shown are returned.

        Outside a transaction, as the first statement of an operation, it may be pipelined with other callers' inserts.
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
                (row,) = await alone()
            else:
                statement = RowStatement(tenant.stamp, text, arguments, described.record, tenant.committed)
                (row,) = await pipelines.writes.send(statement, alone)
                if statement.bytes:
                    tenant.count(statement)
        except REFUSED as error:
            _remember(error, described.table, encoded)
            raise
        return row  # type: ignore[no-any-return]

    async def insert_all(self, entity: type[T], rows: Sequence[dict[str, Any]], *, for_show: bool = False) -> list[T]:
        """Insert objects of the caller, all or none, by one statement. They are returned in the same order.

        With `for_show`, as for `insert`. An error does not tell which of the rows was refused.
        """
        described, tenant = entity_of(entity), self._tenant
        columns = described.columns
        if for_show and tenant is not None:
            columns = tenant.shown.get(described.table, columns)
        text = statements.insert_all(described.table, columns)
        connection = self._connection or await self._connected()
        with translated_errors(connection, commits=self._stamp is not None):
            return await connection.fetch(
                text, self.user_id, json_rows(rows), record_class=described.record, stamp=self._stamp
            )

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo the statements of the block if it fails, but not the transaction, in which it must be."""
        connection = cast("StampedConnection", self._connection)
        with translated_errors(connection):
            async with connection.transaction():
                yield

    async def update(
        self,
        entity: type[T],
        id: UUID | None,
        values: dict[str, Any],
        *,
        guard: Mapping[str, Any] = _NO_GUARD,
    ) -> T | None:
        """Update the caller's object, and return it; None if it does not exist or its columns differ from `guard`.

        Without an id, it is the object that each user has one of.
        A value of None clears a column that may be null, and resets any other to its default. In a guard, None means
        null, and `statements.NOT_NULL` anything else.
        """
        described, (by, key) = entity_of(entity), self._key(id)
        encoded = described.encoded(values)
        reset = tuple(name for name, value in encoded.items() if value is None and name not in described.nullable)
        given = {name: value for name, value in encoded.items() if name not in reset} if reset else encoded
        condition, parameters = statements.condition(described.encoded(guard), 3 + len(given))
        text = statements.update(described.table, tuple(given), condition, described.columns, reset=reset, by=by)
        arguments = [self.user_id, key, *given.values(), *parameters]
        try:
            changed = await self._row(text, arguments, described.record)
        except REFUSED as error:
            _remember(error, described.table, encoded)
            raise
        return cast("T | None", changed)

    def _key(self, id: UUID | None) -> tuple[str, UUID]:
        """The column by which an object is found, and its value."""
        return ("user_id", self.user_id) if id is None else ("id", id)

    async def find(self, entity: type[T], key: Mapping[str, Any]) -> T | None:
        """The caller's object with these values in its columns, deleted or not, or None. The columns must be unique."""
        described = entity_of(entity)
        text = statements.by_columns(described.table, tuple(key), described.columns)
        row = await self._row(text, [self.user_id, *described.encoded(key).values()], described.record)
        return cast("T | None", row)

    async def replace(self, entity: type[T], key: Mapping[str, Any], values: Mapping[str, Any]) -> T | None:
        """Update the caller's object with this key, and return it.

        None if it does not exist, is deleted, or has these values already.
        """
        described = entity_of(entity)
        encoded = described.encoded(values)
        text = statements.replace(
            described.table, tuple(key), tuple(values), described.columns, deletable=described.deletable
        )
        arguments = [self.user_id, *described.encoded(key).values(), *encoded.values()]
        try:
            changed = await self._row(text, arguments, described.record)
        except asyncpg.IntegrityConstraintViolationError as error:
            _remember(error, described.table, encoded)
            raise
        return cast("T | None", changed)

    async def remove(self, entity: type, id: UUID) -> bool:
        """Remove the caller's object for good; False if there is none. Its migration must call `add_removal()`."""
        return bool(await self.remove_all(entity, id=[id]))

    async def remove_all(self, entity: type | str, **values: Sequence[Any]) -> list[UUID]:
        """Remove the caller's objects that have one of the values in each of these columns; returns their ids.

        A join table, which has no class, is given by its name: `remove_all("note_tags", note_id=[id], tag_id=ids)`.
        """
        table = entity if isinstance(entity, str) else entity_of(entity).table
        text = statements.remove(table, tuple(values))
        connection = self._connection or await self._connected()
        with translated_errors(connection, commits=self._stamp is not None):
            rows = await connection.fetch(text, self.user_id, *values.values(), stamp=self._stamp)
        return [row["removed"] for row in rows]

    async def join(
        self, through: Through, id: UUID, others: Sequence[UUID], how: Literal["add", "remove", "set"]
    ) -> asyncpg.Record:
        """Join the caller's object to others in a join table: to these also, to these no longer, or to these alone.

        Nothing changes unless the object and the others exist and are not deleted. The result has `is_deleted` of the
        object, which is None if there is none, and the indexes of the others that are `missing`.
        """
        row = await self._row(statements.change_joins(through.table), [self.user_id, id, others, how])
        return cast("asyncpg.Record", row)

    async def _row(self, text: str, arguments: Sequence[Any], record: type[Row] | None = None) -> asyncpg.Record | None:
        connection = self._connection or await self._connected()
        try:
            row: asyncpg.Record | None = await connection.fetchrow(
                text, *arguments, record_class=record, stamp=self._stamp
            )
        except ERRORS as error:
            failure = failed(error, connection, commits=self._stamp is not None)
            if failure is None:
                raise
            raise failure from error
        return row

    async def _connected(self) -> StampedConnection:
        connection = self._connection = await cast("Autocommitting", self._tenant).take_connection()
        return connection


def _remember(error: asyncpg.PostgresError, table: str, values: Mapping[str, Any]) -> None:
    """Attach the values that were to be written to an error."""
    error.proposed = ProposedRow(table, values)  # type: ignore[attr-defined]
