"""What is known of a type that is a table: its columns, its links, and how lists of it are ordered and filtered.

`gateway.schema` makes these descriptions from the classes in `resolvers/`; the statements are made from them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.data.rows import Row, json_text
from gateway.data.statements import Through

Shape = Literal["one", "maybe", "many", "page"]


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A declared link. Compared by identity: there is one for each declaration."""

    shape: Shape
    target: str
    key: str = "id"
    by: str = "id"
    order: str | type[enum.Enum] | None = None
    through: Through | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """What the engine knows of a type that is a table."""

    name: str
    table: str
    kinds: dict[str, Any]
    """Python type of each column, without `None`; the scalar for JSON columns."""
    links: dict[str, Link]
    order: str | type[enum.Enum] = "created_at"
    """How a list of them is ordered where its link says nothing else."""
    filter: type | None = None
    """What a list of them can be narrowed by."""
    unique: frozenset[str] = frozenset()
    """Columns of which no two rows of one list have the same value."""
    nullable: frozenset[str] = frozenset()
    """Columns that are declared as `… | None`."""
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns that each field of the API reads, by the field's name in the API."""
    record: type[Row] = Row
    json: frozenset[str] = frozenset()
    """Columns that hold JSON."""
    columns: tuple[str, ...] = ()
    """All columns, in the order of their declaration."""

    @property
    def deletable(self) -> bool:
        """Whether its rows are marked as deleted instead of removed."""
        return "deleted_at" in self.kinds

    def total_order(self, order: str, *, through: bool = False) -> tuple[str, ...]:
        """The columns that put any list of them into this order, without ties.

        A list `through` another table holds rows of several lists, in which nothing but the id is unique.
        """
        column = order.removeprefix("-")
        return (column,) if column in self.unique and not through else (column, "id")

    def encoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of columns as the driver takes them."""
        return {
            column: json_text(value)
            if value is not None and column in self.json
            else (value._value_ if isinstance(value, enum.Enum) else value)
            for column, value in values.items()
        }


def entity_of(cls: type) -> Entity:
    """The description of an entity's class."""
    return cls.__entity__  # type: ignore[attr-defined, no-any-return]
