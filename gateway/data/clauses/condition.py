"""Conditions on the rows of a list, as SQL text. The rows have the alias `t`, and `$1` is the caller."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one column. `test` contains `{}` in place of its parameter, if it has one."""

    column: str
    test: str
    or_null: bool = False
    """Whether rows with null pass too."""

    @property
    def parameters(self) -> int:
        """How many parameters it has."""
        return int("{}" in self.test)

    def text(self, first: int) -> str:
        """The condition, with parameters from `first` on."""
        text = f"t.{self.column} {self.test.format(f'${first}')}"
        return f"(t.{self.column} IS NULL OR {text})" if self.or_null else text


@dataclass(frozen=True, slots=True)
class Related:
    """A test of the rows of a join table that belong to a row: there is one, or there is none."""

    table: str
    by: str
    """The column that references the row."""
    to: str
    test: str = ""
    """A test of the column `to`, like that of a `Condition`; empty if any value will do."""
    deletable: bool = False
    """Whether rows of the join table are soft-deleted."""
    exists: bool = True
    living: str = ""
    """The table that the column `to` leads to, if its deleted rows do not count."""

    @property
    def parameters(self) -> int:
        """How many parameters it has."""
        return int("{}" in self.test)

    def text(self, first: int) -> str:
        """The condition, with parameters from `first` on."""
        tested = f" AND o.{self.to} {self.test.format(f'${first}')}" if self.test else ""
        deleted = " AND o.deleted_at IS NULL" if self.deletable else ""
        if self.living:
            deleted += (
                f" AND EXISTS (SELECT FROM {self.living} AS d"
                f" WHERE d.user_id = $1 AND d.id = o.{self.to} AND d.deleted_at IS NULL)"
            )
        found = f"EXISTS (SELECT FROM {self.table} AS o WHERE o.user_id = $1 AND o.{self.by} = t.id{tested}{deleted})"
        return found if self.exists else f"NOT {found}"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Rows that meet all conditions of at least one of the groups. Without a group, no row does."""

    groups: tuple[tuple[Test, ...], ...]

    @property
    def parameters(self) -> int:
        """How many parameters it has."""
        return sum(each.parameters for group in self.groups for each in group)

    def text(self, first: int) -> str:
        """The condition, with parameters from `first` on."""
        texts = []
        for group in self.groups:
            texts.append(f"({all_of(group, first)})")
            first += sum(each.parameters for each in group)
        return f"({' OR '.join(texts)})" if texts else "false"


@dataclass(frozen=True, slots=True)
class NotAll:
    """Rows that do not meet all of the conditions. A comparison with null is one that is not met."""

    conditions: tuple[Test, ...]

    @property
    def parameters(self) -> int:
        """How many parameters it has."""
        return sum(each.parameters for each in self.conditions)

    def text(self, first: int) -> str:
        """The condition, with parameters from `first` on."""
        # With NOT, a row whose column is null would be in neither of two lists that together are the whole one.
        return f"({all_of(self.conditions, first)}) IS NOT TRUE"


Test = Condition | Related | AnyOf | NotAll


class Combined(tuple[Test, ...]):
    """Conditions with alternatives or negations. Clients can make up any number, so their statements are not cached."""

    __slots__ = ()


def all_of(conditions: Iterable[Test], first: int) -> str:
    """The conditions joined with AND, with parameters from `first` on. Without a condition, all rows pass."""
    texts = []
    for condition in conditions:
        texts.append(condition.text(first))
        first += condition.parameters
    return " AND ".join(texts) or "true"
