"""Batches: many keys in, a mapping of what was found out, one statement between.

A link is one of these. Run an object at a time it sits behind a `DataLoader` of its operation; run a level at a time,
an executor calls it once for all parents of the level. A key that found nothing is left out of the mapping.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from gateway.data import statements
from gateway.data.rows import Row
from gateway.data.statements import Condition, Source
from gateway.data.tenancy import Tenant


class Batch(Protocol):
    """Hashable, so that the same batch of an operation is run once for all its keys."""

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, Any]: ...

    def missing(self) -> Any:
        """What a key that found nothing stands for."""


@dataclass(frozen=True, slots=True)
class ByKey:
    """The row whose `column` is the key."""

    table: str
    column: str
    columns: tuple[str, ...]
    record: type[Row]

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, Row]:
        text = statements.by_key(self.table, self.column, self.columns)
        return {row[self.column]: row for row in await tenant.fetch(text, keys, record=self.record)}

    def missing(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Children:
    """All rows that point to the key, in order."""

    source: Source
    order: tuple[str, ...]
    descending: bool
    columns: tuple[str, ...]
    record: type[Row]

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, list[Row]]:
        text = statements.children(self.source, self.order, self.descending, self.columns)
        return _by_parent(await tenant.fetch(text, keys, record=self.record))

    def missing(self) -> list[Row]:
        return []


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of a list: `size` rows in this order, after `place` if given."""

    size: int
    order: tuple[str, ...]
    descending: bool
    backward: bool = False
    place: tuple[Any, ...] | None = None
    conditions: tuple[Condition, ...] = ()
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of a page in the order of the list, and whether there are more in the direction it was read."""

    rows: list[Row]
    more: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the rows that point to the key. One row more than asked tells whether there are more."""

    source: Source
    request: PageRequest
    columns: tuple[str, ...]
    record: type[Row]

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, PageRows]:
        request = self.request
        continued = request.place is not None
        text = statements.page(
            self.source,
            request.order,
            request.descending is not request.backward,
            request.conditions,
            continued,
            self.columns,
        )
        found = await tenant.fetch(
            text, keys, request.size + 1, *request.values, *(request.place or ()), record=self.record
        )
        return {key: self._trim(rows) for key, rows in _by_parent(found).items()}

    def missing(self) -> PageRows:
        return PageRows([], more=False)

    def _trim(self, rows: list[Row]) -> PageRows:
        kept = rows[: self.request.size]
        if self.request.backward:
            kept.reverse()
        return PageRows(kept, more=len(rows) > self.request.size)


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows point to the key."""

    source: Source
    conditions: tuple[Condition, ...]
    values: tuple[Any, ...]

    async def load(self, tenant: Tenant, keys: Sequence[UUID]) -> Mapping[UUID, int]:
        text = statements.count(self.source, self.conditions)
        return {row["link_key"]: row["total"] for row in await tenant.fetch(text, keys, *self.values)}

    def missing(self) -> int:
        return 0


def _by_parent(rows: Sequence[Any]) -> dict[UUID, list[Row]]:
    found: defaultdict[UUID, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["link_key"]].append(row)
    return found
