"""What an operation comes to: levels of selections, each with what is read off its objects and the steps to the next.

A plan depends on the text of the operation and on the variables in its conditions, and on no other value, so it is made
once and shared. It is made without a context and awaits nothing; `run.py` runs it.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from graphql import GraphQLObjectType

from gateway.data.entity import Entity
from gateway.data.statements import Columns, Shown
from gateway.execution.prepare.shown import OBJECT_BYTES, key_bytes
from gateway.execution.run.compile import compile_build
from gateway.execution.run.field import Entry, Field, Inline

if TYPE_CHECKING:
    from gateway.execution.run.run import Run, Scope

State = TypeVar("State")
"""What a step leaves between `begin` and `end`."""

if TYPE_CHECKING:

    class Slot(int, Generic[State]):
        """The index of a step among those of its selection, and the type of its state. An `int` at run time."""


class States(Protocol):
    """The states of the steps of a selection. A list at run time."""

    def __getitem__(self, slot: Slot[State], /) -> State:
        """The state of a step."""

    def __setitem__(self, slot: Slot[State], state: State, /) -> None:
        """Keep the state of a step."""


class Step(Protocol[State]):
    """What gives a field its values for all objects of a level."""

    awaits: bool
    """Whether it may await something for an object by itself, which is given up when the object is lost."""

    def begin(self, run: Run, scope: Scope, slot: Slot[State]) -> None:
        """Do what can be done at once, and ask for the rest. `scope.states[slot]` is this step's own."""

    def end(self, scope: Scope, slot: Slot[State]) -> list[Any]:
        """The values, one for each object, once everything below them is built."""


if TYPE_CHECKING:

    def numbered(steps: list[Step[Any]], /) -> Iterable[tuple[Slot[Any], Step[Any]]]:
        """The steps of a selection, each with its slot."""

else:
    numbered = enumerate


@dataclass(eq=False)
class Reads:
    """The columns that are read off the rows of one batch, and where they stand in them.

    Without positions, columns are read by their names: the rows came from a resolver.
    """

    entity: Entity
    first: int | None = None
    """The position of the first column; None to read by name."""
    columns: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    """Columns that are only shown and therefore selected as text, and how: with `{}` for the column."""
    positioned: bool = False
    """Whether the positions of rows in their list are read too, for their cursors."""

    @functools.cached_property
    def wanted(self) -> Columns:
        """What is selected, in its order. To be asked once all columns are known."""
        shown = [Shown(column, self.texts[column]) for column in self.entity.kinds if column in self.texts]
        # Behind the texts: of two columns of one name, the last is the one that is read by it.
        read = [column for column in self.entity.kinds if column in self.columns]
        return (*shown, *read) or ("id",)

    def code(self, column: str) -> str:
        """The expression that reads a column off a row `r`."""
        if self.first is None:
            return f"r[{column!r}]"
        return f"r[{self.first + self.wanted.index(column)}]"

    def text(self, column: str) -> str:
        """The expression that reads a column that is selected as text."""
        assert self.first is not None  # noqa: S101 - texts are positions only
        return f"r[{self.first + self.wanted.index(Shown(column, self.texts[column]))}]"


@dataclass(eq=False)
class Selection:
    """What is asked of the objects of one type at one point of the operation."""

    type: GraphQLObjectType
    entries: list[Entry] = field(default_factory=list)
    steps: list[Step[Any]] = field(default_factory=list)
    reads_objects: bool = False
    """Whether building its members reads anything off the objects, besides what the steps give."""
    awaits: bool = False
    """Whether something in its objects may be awaited."""
    object_bytes: int = OBJECT_BYTES
    """What one of its objects counts in the operation's budget, besides the values of its members."""

    def add(self, key: str, how: Inline | Step[Any], of: Field | None = None) -> None:
        """Add a member."""
        self.object_bytes += key_bytes(key)
        if isinstance(how, Inline):
            self.entries.append(Entry(key, how, None, of))
            self.reads_objects = self.reads_objects or of is not None
        else:
            self.entries.append(Entry(key, None, len(self.steps), of))
            self.steps.append(how)
            self.awaits = self.awaits or how.awaits

    @functools.cached_property
    def build(self) -> Callable[..., list[Any]]:
        """Makes the response objects of the sources and each step's values. Generated at first use."""
        return compile_build(self.entries, len(self.steps))


Straight = Callable[["Run"], Awaitable[dict[str, Any] | None]]
"""Gives the data of a turn; None if it has to go level by level after all."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """What runs at one time."""

    selection: Selection
    straight: Straight | None
    """The short way, if it is simple enough."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An operation's plan. Its turns run one after the other: a mutation has one for each field."""

    turns: tuple[Turn, ...]
