"""Orders of lists, and where in an order a page continues, as SQL text.

An index with the columns of an order, in their directions, gives the rows of a page without sorting them. To continue
from a position, each part of the rest of the list seeks in that index: first the rows that differ from the position
only in the last columns, then those that differ earlier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Order(NamedTuple):
    """The columns by which a list is ordered. The last one breaks all ties, and is never null.

    Nulls come last in both directions.
    """

    names: tuple[str, ...]
    descending: tuple[bool, ...]
    nullable: tuple[bool, ...]

    @property
    def directions(self) -> tuple[str, ...]:
        """How an index on the columns spells their directions: what follows each name in CREATE INDEX."""
        return tuple(_DIRECTIONS[pair] for pair in zip(self.descending, self.nullable, strict=True))


_DIRECTIONS = {(False, False): "", (False, True): "", (True, False): "DESC", (True, True): "DESC NULLS LAST"}

REVERSED = {"": "DESC", "DESC": "", "DESC NULLS LAST": "NULLS FIRST", "NULLS FIRST": "DESC NULLS LAST"}
"""For each direction of an index column, how an index spells it that is read from its other end."""

Nulls = tuple[bool, ...]
"""Which values of a position are null. They are not among a statement's parameters."""


def sorting(order: Order, columns: Sequence[str], *, backward: bool) -> str:
    """The list of ORDER BY. `columns` are the expressions of the order's columns."""
    parts = []
    for column, descending, nullable in zip(columns, order.descending, order.nullable, strict=True):
        direction = " DESC" if descending is not backward else ""
        nulls = (" NULLS FIRST" if backward else " NULLS LAST") if nullable else ""
        parts.append(column + direction + nulls)
    return ", ".join(parts)


def beyond_position(
    order: Order, columns: Sequence[str], nulls: Nulls, first: int, *, backward: bool, inclusive: bool = False
) -> list[str]:
    """Conditions on the rows after a position, or before it if `backward`: one for each part, in the order of reading.

    The parts exclude each other. The position's parameters start at `first`. If `inclusive`, a row at the position
    counts as well.
    """
    parts: list[str] = []
    equal = ""
    parameters = iter(_parameters(nulls, first))
    runs = list(_runs(order))
    for run in runs:
        names = [columns[n] for n in run]
        values = [next(parameters) for _ in run]
        operator = "<" if order.descending[run[0]] is not backward else ">"
        if inclusive and run is runs[-1]:
            operator += "="
        if order.nullable[run[0]]:
            beyond = list(_beyond_nullable(names[0], operator, values[0], backward=backward))
        else:
            beyond = [f"({', '.join(names)}) {operator} ({', '.join(map(str, values))})"]
        parts[:0] = [f"{equal} AND {each}" for each in beyond]
        for name, value in zip(names, values, strict=True):
            equal += f" AND {name} IS NULL" if value is None else f" AND {name} = {value}"
    return parts


def _beyond_nullable(name: str, operator: str, value: str | None, *, backward: bool) -> Iterator[str]:
    if value is not None:
        yield f"{name} {operator} {value}"
        if not backward:
            yield f"{name} IS NULL"
    elif backward:
        yield f"{name} IS NOT NULL"


def _parameters(nulls: Nulls, first: int) -> Iterator[str | None]:
    for is_null in nulls:
        yield None if is_null else f"${first}"
        first += not is_null


def _runs(order: Order) -> Iterator[list[int]]:
    """The positions of the columns, in groups for one comparison each.

    Neighbours of the same direction that are never null are compared as a row. Nulls make a row comparison unknown.
    """
    run: list[int] = []
    for n, nullable in enumerate(order.nullable):
        if run and (nullable or order.nullable[run[0]] or order.descending[n] is not order.descending[run[0]]):
            yield run
            run = []
        run.append(n)
    yield run
