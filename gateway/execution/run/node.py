"""The steps to objects of any type: the root fields `node` and `nodes`, and links that name a table beside an id.

What is read of the rows of a type is planned when the first of them is met.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.data.batches import ByKey, InAnyTable
from gateway.data.entity import Entity
from gateway.execution.run.call import FieldArguments
from gateway.execution.run.compile import compile_column
from gateway.execution.run.field import Field
from gateway.execution.run.plan import Reads, Selection
from gateway.execution.run.run import Failure, Run, Scope
from gateway.execution.run.step import ToOne, ended
from gateway.schema.objects.level import LookupAny

if TYPE_CHECKING:
    from gateway.execution.run.plan import Slot


class Branch:
    """How objects of one type are read and built."""

    def __init__(self, entity: Entity, reads: Reads, selection: Selection) -> None:
        self.selection = selection
        self.target = ToOne(selection, required=False)
        self.batch = ByKey(entity.table, "id", reads.wanted, entity.record)


class Branches:
    """The branches of a field, by table."""

    def __init__(self, plan: Callable[[str], Branch | None]) -> None:
        self._plan = plan
        self._made: dict[str, Branch] = {}
        self._by_record: dict[type[Any], Branch] = {}

    def of(self, table: str) -> Branch | None:
        """The branch of a table; None if no type is declared as it."""
        branch = self._made.get(table)
        if branch is None and (branch := self._plan(table)) is not None:
            self._made[table] = self._by_record[branch.batch.record] = branch
        return branch

    def batch(self, table: str) -> ByKey:
        """The batch that reads the rows of a table that a type is declared as."""
        branch = self.of(table)
        assert branch is not None  # noqa: S101 - only tables of types are searched
        return branch.batch

    def of_row(self, row: Any) -> Branch:
        """The branch of a row that one of the batches has read."""
        return self._by_record[row.__class__]


class Group:
    """The objects of one type among the values of a field, with the indexes that they have there."""

    def __init__(self, branch: Branch, run: Run) -> None:
        self.indexes: list[int] = []
        self.keys: list[UUID] = []
        self._branch = branch
        self._run = run
        self._state: Any = None

    def add(self, index: int, key: UUID) -> None:
        """Add a value."""
        self.indexes.append(index)
        self.keys.append(key)

    def ask(self, field: Field) -> None:
        """Ask for the rows, then open the level below with them."""
        self._run.ask(self._branch.batch, self.keys, field, self.open, self._fail)

    def open(self, found: Mapping[Any, Any]) -> None:
        """Open the level below."""
        self._state = self._branch.target.open(self._run, self._branch.batch, self.keys, found)

    def _fail(self, error: Exception) -> None:
        self._state = [self._run.failure(error)] * len(self.keys)

    def members(self) -> list[Any]:
        """The members, one for each key."""
        return ended(self._branch.target, self._state)


def merged(groups: Sequence[Group], count: int) -> list[Any]:
    """The members of all groups at their indexes among so many values; null for the others."""
    members: list[Any] = [None] * count
    for group in groups:
        for index, member in zip(group.indexes, group.members(), strict=True):
            members[index] = member
    return members


class AnyLinkStep:
    """A link to objects of any type: one batch for each type among all objects of the level."""

    awaits = False

    def __init__(self, field: Field, tables: Callable[[], str], keys: Callable[[], str], branches: Branches) -> None:
        """`tables` and `keys` return the expressions that read a table's name and an id off an object."""
        self._field = field
        self._tables = tables
        self._keys = keys
        self._branches = branches

    def begin(self, run: Run, scope: Scope, slot: Slot[tuple[list[Group], int]]) -> None:
        groups: dict[Branch, Group] = {}
        for index, (table, key) in enumerate(self._read(scope.sources)):
            if key is not None and (branch := self._branches.of(table)) is not None:
                if branch not in groups:
                    groups[branch] = Group(branch, run)
                groups[branch].add(index, key)
        scope.states[slot] = [*groups.values()], len(scope.sources)
        for group in groups.values():
            group.ask(self._field)

    @functools.cached_property
    def _read(self) -> Callable[[Sequence[Any]], list[Any]]:
        return compile_column(f"({self._tables()}, {self._keys()})")

    def end(self, scope: Scope, slot: Slot[tuple[list[Group], int]]) -> list[Any]:
        return merged(*scope.states[slot])


class AnyLookedUp:
    """A root field that finds objects of any type by their ids."""

    awaits = False

    def __init__(
        self,
        field: Field,
        lookup: LookupAny,
        arguments: FieldArguments,
        branches: Branches,
        batch: InAnyTable,
        *,
        several: bool,
    ) -> None:
        self.field = field
        self.branches = branches
        self.batch = batch
        self.several = several
        """Whether the field returns a list."""
        self._lookup = lookup
        self._arguments = arguments

    def ids(self, run: Run) -> list[UUID]:
        """The ids to find. Raises if the arguments are invalid."""
        return self._lookup.ids(**self._arguments.of(run))

    def begin(self, run: Run, scope: Scope, slot: Slot[Failure | tuple[list[Group], int]]) -> None:
        def then(found: Mapping[Any, Any]) -> None:
            groups: dict[Branch, Group] = {}
            for index, id in enumerate(ids):
                if (row := found.get(id)) is not None:
                    branch = self.branches.of_row(row)
                    if branch not in groups:
                        groups[branch] = Group(branch, run)
                    groups[branch].add(index, id)
            scope.states[slot] = [*groups.values()], len(ids)
            for group in groups.values():
                group.open(found)

        def fail(error: Exception) -> None:
            scope.states[slot] = run.failure(error)

        try:
            ids = self.ids(run)
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            fail(error)
        else:
            run.ask(self.batch, ids, self.field, then, fail)

    def end(self, scope: Scope, slot: Slot[Failure | tuple[list[Group], int]]) -> list[Any]:
        state = scope.states[slot]
        if isinstance(state, Failure):
            return [state] * len(scope.sources)
        members = merged(*state)
        return [members] if self.several else members
