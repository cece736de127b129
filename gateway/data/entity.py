"""Describes a type that is a table: its columns, its links, and how its lists are ordered and filtered.

`gateway.schema` creates these descriptions from the classes in `resolvers/`. Statements are generated from them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.data.rows import Row, json_text
from gateway.data.statements import Through

LinkShape = Literal["one", "maybe", "many", "page"]


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A declared link. Compared by identity: there is one per declaration."""

    shape: LinkShape
    target: str
    key: str = "id"
    by: str = "id"
    order: str | type[enum.Enum] | None = None
    through: Through | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """The description of a type that is a table."""

    name: str
    table: str
    kinds: dict[str, Any]
    """The Python type of each column, without `None`. For JSON columns, the scalar."""
    links: dict[str, Link]
    order: str | type[enum.Enum] = "created_at"
    """The default order of lists."""
    filter: type | None = None
    """The filter input of lists."""
    unique: frozenset[str] = frozenset()
    """Columns whose values are unique within each list."""
    nullable: frozenset[str] = frozenset()
    """Columns declared as `… | None`."""
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns that each GraphQL field reads, by the field's name in GraphQL."""
    record: type[Row] = Row
    json: frozenset[str] = frozenset()
    """Columns that hold JSON."""
    columns: tuple[str, ...] = ()
    """All columns, in declaration order."""
    is_reference: bool = False
    """Whether it is reference data: rows of nobody, which every caller reads and none writes."""

    @property
    def deletable(self) -> bool:
        """Whether rows are soft-deleted."""
        return "deleted_at" in self.kinds

    def total_order(self, order: str, *, through: bool = False) -> tuple[str, ...]:
        """The columns that sort any list into this order, without ties.

        A list `through` another table contains rows of several lists, in which only the id is unique.
        """
        column = order.removeprefix("-")
        return (column,) if column in self.unique and not through else (column, "id")

    def encoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Column values in the form that the driver accepts."""
        return {
            column: json_text(value)
            if value is not None and column in self.json
            else (value._value_ if isinstance(value, enum.Enum) else value)
            for column, value in values.items()
        }


def entity_of(cls: type) -> Entity:
    """The description of an entity class."""
    return cls.__entity__  # type: ignore[attr-defined, no-any-return]
