"""An operation compiled into a plan: selections, each with the members read off its objects and the steps below.

A plan depends only on the text of the operation and on the variables in its conditions, so it is made once and shared.
Planning needs no context and awaits nothing; `run.py` runs the plan.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from graphql import GraphQLObjectType

from gateway.data.entity import Entity
from gateway.data.statements import Columns, Shown
from gateway.execution.prepare.response_size import OBJECT_BYTES, key_bytes
from gateway.execution.run.compile import compile_build
from gateway.execution.run.field import Entry, Field, Inline

if TYPE_CHECKING:
    from gateway.execution.run.run import Run, Scope

State = TypeVar("State")
"""What a step keeps between `begin` and `end`."""

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
    """How one field gets its values for all objects of a level."""

    awaits: bool
    """Whether it may await something for a single object. It is abandoned when that object is lost."""

    def begin(self, run: Run, scope: Scope, slot: Slot[State]) -> None:
        """Do what needs no waiting, and ask for the rest. `scope.states[slot]` belongs to this step."""

    def end(self, scope: Scope, slot: Slot[State]) -> list[Any]:
        """The values, one for each object, once everything below them is built."""


if TYPE_CHECKING:

    def numbered(steps: list[Step[Any]], /) -> Iterable[tuple[Slot[Any], Step[Any]]]:
        """The steps of a selection, each with its slot."""

else:
    numbered = enumerate


@dataclass(eq=False)
class Reads:
    """The columns that are read off the rows of one batch, and their positions in a row.

    Rows that come from a resolver are read by column name instead.
    """

    entity: Entity
    first: int | None = None
    """The position of the first column; None to read by name."""
    columns: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    """Columns that are only shown and therefore selected as text, each with its expression: `{}` is the column."""
    positioned: bool = False
    """Whether the keyset positions of the rows are read too, for their cursors."""

    @functools.cached_property
    def wanted(self) -> Columns:
        """The columns to select, in order. To be read once all columns are known."""
        shown = [Shown(column, self.texts[column]) for column in self.entity.kinds if column in self.texts]
        # After the texts: if two columns have the same name, reading by name returns the last one.
        read = [column for column in self.entity.kinds if column in self.columns]
        return (*shown, *read) or ("id",)

    def code(self, column: str) -> str:
        """The expression that reads a column off a row `r`."""
        if self.first is None:
            return f"r[{column!r}]"
        return f"r[{self.first + self.wanted.index(column)}]"

    def text(self, column: str) -> str:
        """The expression that reads a column that is selected as text."""
        assert self.first is not None  # noqa: S101 - texts are only read by position
        return f"r[{self.first + self.wanted.index(Shown(column, self.texts[column]))}]"


@dataclass(eq=False)
class Selection:
    """What one selection set asks of objects of one type: the members of the response, and the steps to fill them."""

    type: GraphQLObjectType
    entries: list[Entry] = field(default_factory=list)
    steps: list[Step[Any]] = field(default_factory=list)
    reads_objects: bool = False
    """Whether building its members reads anything off the objects, besides the values of the steps."""
    awaits: bool = False
    """Whether anything in its objects may be awaited."""
    object_bytes: int = OBJECT_BYTES
    """The size of one of its objects in the operation's budget, without the values of its members."""

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
        """Builds the response objects from the sources and the values of each step. Compiled on first use."""
        return compile_build(self.entries, len(self.steps))


Straight = Callable[["Run"], Awaitable[dict[str, Any] | None]]
"""The short path of a phase. Returns its data, or None if it must run level by level after all."""


@dataclass(frozen=True, slots=True, eq=False)
class Phase:
    """The root fields that run together."""

    selection: Selection
    straight: Straight | None
    """The short path, if the phase is simple enough."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An operation's plan. Its phases run one after the other: a mutation has one for each root field."""

    phases: tuple[Phase, ...]
