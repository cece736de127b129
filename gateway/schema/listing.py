"""Lists that links declare, checked against the database: one list in one of its orders."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.data.clauses.order import REVERSED
from gateway.data.entity import RANK, Entity, Link
from gateway.data.setup.catalogue import Column, Index, Table


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of a link in one of its orders, and the table that it is read from: the target's, or a join table."""

    where: str
    target: Entity
    link: Link
    order: str
    name: str
    """The name of the table."""
    by: str
    """The column of the table that references the parent."""
    table: Table
    deletable: bool
    """Whether rows of the table are soft-deleted, and the list leaves them out."""

    @property
    def first_columns(self) -> list[str]:
        """The columns with which an index of the list begins, before those of the order."""
        owner = [] if self.table.is_reference else ["user_id"]
        return owner if self.by in ("", "user_id") else [*owner, self.by]

    def kinds(self) -> Iterator[tuple[str, Any, Column]]:
        """The ordered columns that the table has and the target declares, each with its declared type."""
        order = self.target.total_order(self.order, through=self.link.through is not None)
        for column in order.names:
            if column != "id" and column in self.target.kinds and column in self.table.columns:
                yield column, self.target.kinds[column], self.table.columns[column]

    def column_problems(self) -> Iterator[str]:
        """What is wrong with the columns that the list is ordered by."""
        order = self.target.total_order(self.order, through=self.link.through is not None)
        for column, nullable in zip(order.names, order.nullable, strict=True):
            held, ranked = self.table.columns.get(column), self.target.ranked_by(column)
            begin = f"{self.where} is ordered by {ranked or column}, "
            if column == "id":
                continue
            if ranked is not None:
                yield from self._rank_problems(begin, ranked, held)
            elif held is None:
                yield (
                    f"{begin}which {self.name} does not have. Add it there and keep it equal to that of "
                    f'{self.target.table}, or order the link by a column of {self.name}: page(…, order="…").'
                )
            elif not held.required and not nullable:
                yield (
                    f"{begin}which may be null, but {self.target.name}.{column} is declared as never null: rows "
                    "without it would be missing after the first page. Declare it as `… | None`, or make the column "
                    "NOT NULL."
                )
            elif not held.seeks:
                yield (
                    f"{begin}which is {held.type}: under row-level security, PostgreSQL does not seek in an index by "
                    f"it. Order by a column that is GENERATED ALWAYS AS ({column}::double precision) STORED."
                )

    def _rank_problems(self, begin: str, ranked: str, held: Column | None) -> Iterator[str]:
        values = [str(member.value) for member in self.target.kinds[ranked]]
        members = ",".join(value if re.fullmatch(r"[\w.:/-]+", value) else f'"{value}"' for value in values)
        making = f"SELECT add_rank('{self.name}', '{ranked}', '{{{members}}}')"
        if held is None:
            yield f"{begin}whose members have no rank in {self.name}. Write {making} in a migration."
        elif f"'{{{members}}}'" not in (held.generated or ""):
            yield (
                f"{begin}but {self.name}.{ranked}{RANK} does not rank the members of {self.target.name}.{ranked} as "
                f"they are declared. Write ALTER TABLE {self.name} DROP COLUMN {ranked}{RANK}; {making} in a "
                "migration, and make the column's indexes again."
            )

    def unique_problems(self) -> Iterator[str]:
        """What is wrong with an order that is declared as unique by itself."""
        if self.link.through is not None:
            return
        column = self.target.total_order(self.order).names[-1]
        if column not in self.target.unique:
            return
        known = self.table.determined_by(self.by) | {column}
        if not any(
            index.unique and index.condition is None and column in index.columns and set(index.columns) <= known
            for index in self.table.indexes
        ):
            of_same = f" with the same {self.by}" if self.by else ""
            yield (
                f"{self.where} is ordered by {column}, which {self.target.name} declares as unique in every list, but "
                f"rows of {self.name}{of_same} may share it. Add UNIQUE ({', '.join([*self.first_columns, column])}), "
                "or remove it from `unique`."
            )

    def index_problems(self) -> Iterator[str]:
        """Whether no index gives the list in its order."""
        prefix = self.first_columns
        order = self.target.total_order(self.order, through=self.link.through is not None)
        to = self.link.through.to if self.link.through is not None else "id"
        columns = [to if name == "id" else name for name in order.names]
        if any(self._is_served_by(index, prefix, columns, order.directions) for index in self.table.indexes):
            return
        indexed = [f"{name} {way}".rstrip() for name, way in zip(columns, order.directions, strict=True)]
        holding = [index for index in self.table.indexes if self._holds(index)]
        begins = any(list(index.columns[: len(prefix)]) == prefix for index in holding)
        does = "sort the list by" if begins else f"read the whole table {self.name} to sort it by"
        yield (
            f"{self.where} would {does} {self.order}, because no index has this order. "
            f"CREATE INDEX ON {self.name} ({', '.join([*prefix, *indexed])}) in a migration."
        )

    def _is_served_by(self, index: Index, prefix: list[str], columns: list[str], directions: tuple[str, ...]) -> bool:
        """Whether an index gives the list in its order, read from either end."""
        end = len(prefix) + len(columns)
        ways = index.directions[len(prefix) : end]
        return (
            list(index.columns[:end]) == prefix + columns
            and ways in (directions, tuple(REVERSED[way] for way in directions))
            and self._holds(index)
        )

    def _holds(self, index: Index) -> bool:
        """Whether an index contains all rows of the list."""
        return holds_all(index, self.by, deletable=self.deletable)


def holds_all(index: Index, by: str, *, deletable: bool) -> bool:
    """Whether an index contains all rows that have a parent; without the deleted ones, if they are left out."""
    known = {f"({by} IS NOT NULL)", *(["(deleted_at IS NULL)"] if deletable else [])}
    both = {f"({' AND '.join(order)})" for order in itertools.permutations(known)}
    return index.condition is None or index.condition in known | both
