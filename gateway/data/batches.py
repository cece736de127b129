"""Batches: load the values of many keys with one statement, as a mapping.

A link loads its values with a batch. The depth-first executor wraps it in a `DataLoader` per operation; the
breadth-first executor calls it once for all parents of a level. Keys without a value are left out of the mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from gateway.data import statements
from gateway.data.clauses.condition import Combined, Test
from gateway.data.clauses.order import Nulls, Order
from gateway.data.queries import Query
from gateway.data.rows import Row
from gateway.data.statements import Columns, Source
from gateway.data.tenancy import Tenant

MOST_READ_IN_TURN = 3
"""How many likely tables are read in turn. Finding the table first costs as much as two reads by id."""


class Batch(Protocol):
    """Loads values by key. Hashable, so that equal batches of an operation are merged."""

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, Any]: ...

    def missing(self) -> Any:
        """The value for a key that is not in the mapping."""


@dataclass(frozen=True, slots=True)
class ByKey:
    """The row whose `column` equals the key."""

    table: str
    column: str
    columns: Columns
    record: type[Row]

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, Row]:
        one = len(keys) == 1
        text = statements.by_key(self.table, self.column, self.columns, one=one)
        is_one = one and self.column == "id"
        rows = await tenant.fetch(text, keys[0] if one else keys, record=self.record, is_one=is_one)
        return {keys[0]: rows[0]} if one and rows else {row[self.column]: row for row in rows}

    def missing(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Children:
    """All rows that reference the key, in order."""

    source: Source
    order: Order
    columns: Columns
    record: type[Row]

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, list[Row]]:
        one = len(keys) == 1
        text = statements.children(self.source, self.order, self.columns, one=one)
        rows = await tenant.fetch(text, keys[0] if one else keys, record=self.record)
        return _by_parent(rows, keys)

    def missing(self) -> Sequence[Row]:
        return ()


@dataclass(frozen=True, slots=True)
class Queried:
    """The rows that a hand-written query returns for the key or, if `column` is set, the one whose column equals it."""

    query: Query
    columns: Columns
    record: type[Row]
    column: str = ""

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, Any]:
        rows = await tenant.fetch(statements.queried(self.query, self.columns), keys, record=self.record)
        return {row[self.column]: row for row in rows} if self.column else _by_parent(rows, keys)

    def missing(self) -> Sequence[Row] | None:
        return None if self.column else ()


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page of a list: `size` rows in this order, after `position` if set. `sort` is the order as declared."""

    size: int
    sort: str
    order: Order
    backward: bool = False
    position: tuple[Any, ...] | None = None
    conditions: tuple[Test, ...] = ()
    values: tuple[Any, ...] = ()

    def continuing(self) -> tuple[Nulls | None, Sequence[Any]]:
        """Which values of the position are null, and the others. None if the page does not continue from a position."""
        if self.position is None:
            return None, ()
        return tuple([each is None for each in self.position]), [each for each in self.position if each is not None]


class PageRows(NamedTuple):
    """The rows of a page in list order, and whether there are more in the direction of reading."""

    rows: Sequence[Row]
    more: bool


_NO_PAGE = PageRows((), more=False)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the rows that reference the key. It reads one extra row to learn whether there are more."""

    source: Source
    request: PageRequest
    columns: Columns
    record: type[Row]

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, PageRows]:
        request, one = self.request, len(keys) == 1
        nulls, position = request.continuing()
        text = _cached(statements.page, request.conditions)(
            self.source, request.order, request.backward, request.conditions, nulls, self.columns, one=one
        )
        arguments = (keys[0] if one else keys, request.size + 1, *request.values, *position)
        by_parent = _by_parent(await tenant.fetch(text, *arguments, record=self.record), keys)
        return {key: self._trim(rows) for key, rows in by_parent.items()}

    def missing(self) -> PageRows:
        return _NO_PAGE

    def _trim(self, rows: list[Row]) -> PageRows:
        more = len(rows) > self.request.size
        if more:
            rows.pop()
        if self.request.backward:
            rows.reverse()
        return PageRows(rows, more)


@dataclass(frozen=True, slots=True)
class Count:
    """The number of rows that reference the key."""

    source: Source
    conditions: tuple[Test, ...]
    values: tuple[Any, ...]

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, int]:
        one = len(keys) == 1
        text = _cached(statements.count, self.conditions)(self.source, self.conditions, one=one)
        rows = await tenant.fetch(text, keys[0] if one else keys, *self.values)
        return {keys[row["link_ordinal"] - 1]: row["total"] for row in rows}

    def missing(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Beyond:
    """Whether the key's list has a row at the position that a page continues from, or on its other side."""

    source: Source
    request: PageRequest

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, bool]:
        request, one = self.request, len(keys) == 1
        nulls, position = request.continuing()
        text = _cached(statements.beyond, request.conditions)(
            self.source, request.order, request.backward, request.conditions, nulls or (), one=one
        )
        arguments = (keys[0] if one else keys, *request.values, *position)
        return {keys[row["link_ordinal"] - 1]: True for row in await tenant.fetch(text, *arguments)}

    def missing(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class QueryRows:
    """The rows that a hand-written query returns for each id of `:keys`, which it repeats in the column `of_id`."""

    query: Query
    values: tuple[tuple[str, Any], ...]
    """Its other parameters, by name."""

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, list[dict[str, Any]]]:
        arguments = self.query.after_caller({"keys": list(keys), **dict(self.values)})
        found: dict[UUID, list[dict[str, Any]]] = {}
        for row in await tenant.fetch(self.query.text, *arguments):
            values = dict(row)
            found.setdefault(values.pop("of_id"), []).append(values)
        return found

    def missing(self) -> Sequence[dict[str, Any]]:
        return ()


@dataclass(frozen=True, slots=True, eq=False)
class InAnyTable:
    """The row with this id, in whichever table it is.

    The `likely` tables are searched first, so if an id occurs in several tables, a likely one wins. A few of them are
    read by id, one after the other. Otherwise one statement finds the tables, and one reads the rows of each.
    """

    likely: tuple[str, ...]
    others: tuple[str, ...]
    by_id: Callable[[str], ByKey]
    """Returns the batch that reads the rows of a table."""

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, Row]:
        found: dict[UUID, Row] = {}
        few = len(self.likely) <= MOST_READ_IN_TURN
        for tables in (*([(table,) for table in self.likely] if few else [self.likely]), self.others):
            missing = [key for key in keys if key not in found] if found else keys
            if not missing:
                break
            for table, ids in (await _places(tenant, tables, missing)).items():
                found.update(await self.by_id(table).load(tenant, ids))
        return found

    def missing(self) -> None:
        return None


async def _places(tenant: Tenant, tables: tuple[str, ...], keys: Sequence[UUID]) -> Mapping[str, Sequence[UUID]]:
    """The ids to read from each table."""
    if len(tables) <= 1:
        return dict.fromkeys(tables, keys)
    one = len(keys) == 1
    places: dict[UUID, str] = {}
    for row in await tenant.fetch(statements.which_table(tables, one=one), keys[0] if one else keys):
        places.setdefault(row["id"], row["entity"])
    ids: dict[str, list[UUID]] = {}
    for id, table in places.items():
        ids.setdefault(table, []).append(id)
    return ids


def _cached(statement: Any, conditions: tuple[Test, ...]) -> Callable[..., str]:
    """The function that makes a statement. It caches none with combined conditions."""
    make: Callable[..., str] = statement.__wrapped__ if type(conditions) is Combined else statement
    return make


def _by_parent(rows: list[Any], keys: Sequence[UUID]) -> dict[UUID, list[Row]]:
    """Group rows by key. The rows of a key are adjacent, so most need no look-up."""
    if len(keys) == 1:
        return {keys[0]: rows} if rows else {}
    grouped: dict[UUID, list[Row]] = {}
    present: Any = None
    append: Callable[[Row], None]
    for row in rows:
        if (ordinal := row["link_ordinal"]) != present:
            append = grouped.setdefault(keys[ordinal - 1], []).append
            present = ordinal
        append(row)
    return grouped
