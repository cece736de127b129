"""Describes a type that is a table: its columns, its links, and how its lists are ordered and filtered.

`gateway.schema` creates these descriptions from the classes in `resolvers/`. Statements are generated from them.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.data.clauses.order import Order
from gateway.data.queries import Query
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
    query: Query | None = None
    """The hand-written query that finds the targets, instead of `by`, for a list or for the one that counts."""
    description: str = ""
    """What the API says about it, if it is a field of Query."""

    @property
    def lists_all(self) -> bool:
        """Whether it lists all rows of a reference table, which no key narrows."""
        return not self.key


@dataclass(frozen=True, slots=True, eq=False)
class AnyLink:
    """A declared link to an object of any type."""

    entity: str
    """The column or attribute that holds the name of the target's table."""
    key: str
    """The column or attribute that holds the target's id."""


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
    """Columns declared as `… | None`, and the keys of `maybe` links."""
    restorable: bool = True
    """Whether deleted rows can be restored. Otherwise they are not in the trash."""
    one_per_user: bool = False
    """Whether each user has exactly one row, which is found without its id."""
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns that each GraphQL field reads, by the field's name in GraphQL."""
    record: type[Row] = Row
    json: frozenset[str] = frozenset()
    """Columns that hold JSON."""
    columns: tuple[str, ...] = ()
    """All columns, in declaration order."""
    roots: dict[str, Link] = field(default_factory=dict)
    """The lists of all rows that the caller may see, by the name of their field of Query."""
    any_links: dict[str, AnyLink] = field(default_factory=dict)
    is_reference: bool = False
    """Whether it is reference data: rows of nobody, which every caller reads and none writes."""
    joined: dict[str, str] = field(default_factory=dict)
    """The tables that links lead to through join tables and that have `deleted_at`, by the column that leads there."""
    changed_lists: set[str] = field(default_factory=set)
    """The names of the links through join tables that mutations change."""
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns that clients set by the conventional mutations, by the names of these: create and update."""
    secrets: set[str] = field(default_factory=set)
    """The columns through which clients write secrets."""

    @property
    def deletable(self) -> bool:
        """Whether rows are soft-deleted."""
        return "deleted_at" in self.kinds

    @property
    def in_trash(self) -> bool:
        """Whether deleted rows are in the trash. Users are not: an account is deleted in another way."""
        return self.deletable and self.restorable and self.table != "users"

    def lists_and_links(self) -> Iterator[tuple[str, Link]]:
        """The links, and the lists of Query, each with its coordinate in the schema."""
        yield from ((f"{self.name}.{name}", link) for name, link in self.links.items())
        yield from ((f"Query.{name}", link) for name, link in self.roots.items())

    def total_order(self, order: str, *, through: bool = False) -> Order:
        """The columns that sort any list into this order, without ties.

        A list `through` another table contains rows of several lists, in which only the id is unique.
        """
        return _total_order(self, order, through)

    def position_kinds(self, order: Order) -> tuple[Any, ...]:
        """The types of the values that a cursor in this order holds. A rank has the type of its enumeration."""
        return tuple(self.kinds[self.ranked_by(name) or name] for name in order.names)

    def ranked_by(self, column: str) -> str | None:
        """The enumeration that a column ranks; None if it is no rank."""
        stem = column.removesuffix(RANK)
        return stem if column not in self.kinds and is_enum(self.kinds.get(stem)) else None

    def encoded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Column values in the form that the driver accepts."""
        return {
            column: json_text(value)
            if value is not None and column in self.json
            else (value._value_ if isinstance(value, enum.Enum) else value)
            for column, value in values.items()
        }


RANK = "_rank"
"""Ends the name of the column that ranks an enumeration. `add_rank()` makes it."""


def is_enum(kind: Any) -> bool:
    """Whether a column's type is an enumeration."""
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def order_columns(order: str) -> list[tuple[str, bool]]:
    """The columns that an order names, each with whether it is descending."""
    parts = [part.strip() for part in order.split(",")]
    return [(part.removeprefix("-"), part.startswith("-")) for part in parts]


@functools.lru_cache(maxsize=4096)
def _total_order(entity: Entity, text: str, through: bool) -> Order:
    columns = []
    for name, descending in order_columns(text):
        column = name + RANK if is_enum(entity.kinds.get(name)) else name
        columns.append((column, descending, name in entity.nullable))
        if name == "id" or (name in entity.unique and name not in entity.nullable and not through):
            return Order(*zip(*columns, strict=True))
    columns.append(("id", columns[-1][1], False))
    return Order(*zip(*columns, strict=True))


def entity_of(cls: type) -> Entity:
    """The description of an entity class."""
    return cls.__entity__  # type: ignore[attr-defined, no-any-return]
