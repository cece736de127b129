"""The steps of a plan: how fields get their values for a whole level."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, Protocol

from gateway.data.batches import Batch, ByKey
from gateway.data.rows import KeyRow
from gateway.execution.run.call import FieldArguments
from gateway.execution.run.compile import compile_column
from gateway.execution.run.field import Field
from gateway.execution.run.plan import Reads, Selection, State
from gateway.execution.run.run import Failure, Run, Scope
from gateway.execution.run.shape import Objects, Shape, attempt, cut
from gateway.schema.objects.level import Follows, Lookup, OfPage, PerPage

if TYPE_CHECKING:
    from gateway.execution.run.plan import Slot

_One = tuple[Sequence[Any], list[Any], Scope]
"""The state of `ToOne`: the keys, those that were found, and the objects."""


class Mapped(Generic[State]):
    """A value computed from each object by itself."""

    def __init__(
        self, field: Field, function: Callable[[Any], Any], shape: Shape[State], *, safe: bool = False
    ) -> None:
        self._field = field
        self.function = function
        self.shape = shape
        self.awaits = shape.awaits
        self._safe = safe
        """Whether the function never fails."""

    def begin(self, run: Run, scope: Scope, slot: Slot[State]) -> None:
        if self._safe:
            values = list(map(self.function, scope.sources))
        else:
            values = [attempt(run, self.function, source) for source in scope.sources]
        scope.states[slot] = self.shape.begin(run, self._field, values, scope, scope.fate)

    def end(self, scope: Scope, slot: Slot[State]) -> list[Any]:
        return self.shape.end(scope.states[slot])


class Paged(Generic[State]):
    """A value computed from each object and the page that it came from."""

    def __init__(self, field: Field, of_page: OfPage, shape: Shape[State]) -> None:
        self._field = field
        self.function = of_page.function
        self.shape = shape
        self.awaits = shape.awaits

    def begin(self, run: Run, scope: Scope, slot: Slot[State]) -> None:
        values = [self.function(scope.batch, source) for source in scope.sources]
        scope.states[slot] = self.shape.begin(run, self._field, values, scope, scope.fate)

    def end(self, scope: Scope, slot: Slot[State]) -> list[Any]:
        return self.shape.end(scope.states[slot])


class PerParent(Generic[State]):
    """A value of each page, from another batch that is asked for the pages' parents."""

    awaits = False

    def __init__(self, field: Field, per_page: PerPage, shape: Shape[State]) -> None:
        self._field = field
        self.per_page = per_page
        self.shape = shape

    def begin(self, run: Run, scope: Scope, slot: Slot[State]) -> None:
        def answer(values: list[Any]) -> None:
            scope.states[slot] = self.shape.begin(run, self._field, values, scope)

        batch = self.per_page.batch(scope.batch)
        if batch is None:
            assert self.per_page.known is not None  # noqa: S101 - without a batch, it knows the value
            answer([self.per_page.known(scope.batch, source) for source in scope.sources])
            return
        run.ask(
            batch,
            scope.keys,
            self._field,
            lambda found: answer([found[key] if key in found else batch.missing() for key in scope.keys]),
            lambda error: answer([run.failure(error)] * len(scope.keys)),
        )

    def end(self, scope: Scope, slot: Slot[State]) -> list[Any]:
        return self.shape.end(scope.states[slot])


class LinkStep(Generic[State]):
    """A link: one batch for all objects of the level."""

    awaits = False

    def __init__(
        self,
        field: Field,
        follows: Follows,
        keys: Callable[[], str],
        arguments: FieldArguments,
        reads: Reads,
        target: Target[State],
        root_key: Callable[[Any], Any] | None = None,
    ) -> None:
        """`keys` returns the expression that reads the key off an object, once the columns of the level are known."""
        self.field = field
        self._follows = follows
        self._keys = keys
        self._arguments = arguments
        self._reads = reads
        self.target = target
        self.root_key = root_key  # computes the key of a root field from the context
        self._constant: Batch | None = None

    @property
    def proves_parent(self) -> bool:
        """Whether a row found by the link cannot exist without the object that it belongs to."""
        return self._follows.key == "id" and not isinstance(self.target, ToOne) and self.reads_rows

    @property
    def reads_rows(self) -> bool:
        """Whether it reads the rows themselves, and not only their number."""
        return not isinstance(self.target, ToPages) or self.target.reads_rows

    def begin(self, run: Run, scope: Scope, slot: Slot[list[Failure] | State]) -> None:
        try:
            batch = self._batch(run)
            keys = self.keys_of(run, scope.sources)
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            scope.states[slot] = [run.failure(error)] * len(scope.sources)
            return
        if self.reads_rows:
            follow(run, scope, slot, self.field, batch, keys, self.target)
        else:
            scope.states[slot] = self.target.open(run, batch, keys, {})

    def batch(self, run: Run) -> Batch | None:
        """The batch that the link would ask; None if its arguments are invalid."""
        try:
            return self._batch(run)
        except Exception:  # noqa: BLE001 - the error is reported when the field begins
            return None

    def keys_of(self, run: Run, sources: Sequence[Any]) -> list[Any]:
        """The keys of the objects of a level."""
        return self.read_keys(sources) if self.root_key is None else [self.root_key(run.context)] * len(sources)

    @functools.cached_property
    def read_keys(self) -> Callable[[Sequence[Any]], list[Any]]:
        """Reads the keys off the objects of a level."""
        return compile_column(self._keys())

    def asks(self, run: Run, row: Any) -> tuple[Batch, Any]:
        """The batch, and the key of one object. Raises if the arguments are invalid."""
        return self._batch(run), self.keys_of(run, (row,))[0]

    def _batch(self, run: Run) -> Batch:
        if self._constant is not None:
            return self._constant
        batch = self._follows.batch(self._arguments.of(run), self._reads.wanted, positioned=self._reads.positioned)
        if self._arguments.constant:
            self._constant = batch
        return batch

    def end(self, scope: Scope, slot: Slot[list[Failure] | State]) -> list[Any]:
        return ended(self.target, scope.states[slot])


class LookedUp:
    """A root field that finds one object by its key.

    If only the object's id is selected, its row is not read when the object is known to exist: because the lookup
    guarantees it, or because a link found something that belongs to it.
    """

    awaits = False

    def __init__(
        self,
        field: Field,
        lookup: Lookup,
        arguments: FieldArguments,
        reads: Reads,
        selection: Selection,
        *,
        required: bool,
    ) -> None:
        self.field = field
        self.lookup = lookup
        self.arguments = arguments
        self._reads = reads
        self.selection = selection
        self.required = required
        self._target = ToOne(selection, required=required)

    def begin(self, run: Run, scope: Scope, slot: Slot[list[Failure] | _One]) -> None:
        try:
            key = self.lookup.key(run.context, **self.arguments.of(run))
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            scope.states[slot] = [run.failure(error)] * len(scope.sources)
            return
        keys = [key] * len(scope.sources)
        if key is None or not self.needs_no_row:
            self._read(run, scope, slot, keys)
        elif self.lookup.is_there:
            self._presume(run, scope, slot, keys)
        elif (witness := self._witness) is None or (batch := witness.batch(run)) is None:
            self._read(run, scope, slot, keys)
        else:
            # The run remembers the result, so the link below does not ask again.
            run.ask(
                batch,
                keys,
                witness.field,
                lambda found: (self._presume if found.get(key) else self._read)(run, scope, slot, keys),
                lambda _error: self._read(run, scope, slot, keys),
            )

    @functools.cached_property
    def needs_no_row(self) -> bool:
        """Whether only the object's id is selected. To be read once all columns are known."""
        return self._reads.wanted == ("id",)

    @functools.cached_property
    def batch(self) -> ByKey:
        """The batch that reads the object's row."""
        entity = self.lookup.entity
        return ByKey(entity.table, "id", self._reads.wanted, entity.record)

    @functools.cached_property
    def _witness(self) -> LinkStep[Any] | None:
        """A link to rows that cannot exist without the object."""
        return next((step for step in self.selection.steps if isinstance(step, LinkStep) and step.proves_parent), None)

    def _read(self, run: Run, scope: Scope, slot: Slot[list[Failure] | _One], keys: list[Any]) -> None:
        follow(run, scope, slot, self.field, self.batch, keys, self._target)

    def _presume(self, run: Run, scope: Scope, slot: Slot[list[Failure] | _One], keys: list[Any]) -> None:
        """Go on without reading the row: its only column is the key."""
        scope.states[slot] = self._target.open(run, self.batch, keys, {key: KeyRow(key) for key in keys})

    def end(self, scope: Scope, slot: Slot[list[Failure] | _One]) -> list[Any]:
        return ended(self._target, scope.states[slot])


class Target(Protocol[State]):
    """How the rows found by a link become members of the response."""

    def open(self, run: Run, batch: Any, keys: Sequence[Any], found: Mapping[Any, Any]) -> State:
        """Open the level below with the rows. Returns the state that `end` takes."""

    def end(self, state: State) -> list[Any]:
        """The members, one for each key."""


class ToOne:
    """One object for each key, or none. An object that several keys lead to is built once."""

    def __init__(self, selection: Selection, *, required: bool) -> None:
        self.selection = selection
        self.required = required

    def open(self, run: Run, batch: Any, keys: Sequence[Any], found: Mapping[Any, Any]) -> _One:
        used = [key for key in dict.fromkeys(keys) if key in found]
        if self.required and any(key not in found for key in keys):
            run.failed = True
        return keys, used, run.open(self.selection, [found[key] for key in used])

    def end(self, state: _One) -> list[Any]:
        keys, used, below = state
        if len(used) == len(keys):
            return below.results
        built = dict(zip(used, below.results, strict=True))
        return [built.get(key) for key in keys]


class ToMany:
    """A list of objects for each key."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection

    def open(self, run: Run, batch: Any, keys: Sequence[Any], found: Mapping[Any, Any]) -> tuple[list[int], Scope]:
        lists = [found.get(key, ()) for key in keys]
        return [len(rows) for rows in lists], run.open(self.selection, list(chain.from_iterable(lists)))

    def end(self, state: tuple[list[int], Scope]) -> list[Any]:
        lengths, below = state
        return cut(below.results, lengths)


class ToPages:
    """A connection for each key. All empty ones are built as one, unless a step asks about their parents."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self._per_parent = list(_per_parent(selection))
        self.reads_rows = not all(isinstance(step, PerParent) for step in selection.steps)
        """Whether anything is selected of the rows, so that they must be read."""

    def open(
        self, run: Run, batch: Any, keys: Sequence[Any], found: Mapping[Any, Any]
    ) -> tuple[Sequence[Any], Sequence[Any], Scope]:
        nothing = batch.missing()
        if self._per_parent and any(step.per_page.batch(batch) is not None for step in self._per_parent):
            return keys, keys, run.open(self.selection, [found.get(key, nothing) for key in keys], batch, keys)
        used = [key for key in keys if key in found]
        pages = [found[key] for key in used]
        if len(used) < len(keys):
            pages.append(nothing)
        return keys, used, run.open(self.selection, pages, batch)

    def end(self, state: tuple[Sequence[Any], Sequence[Any], Scope]) -> list[Any]:
        keys, used, below = state
        if len(used) == len(keys):
            return below.results
        *members, empty = below.results
        built = dict(zip(used, members, strict=True))
        return [built.get(key, empty) for key in keys]


def _per_parent(selection: Selection) -> Iterator[PerParent[Any]]:
    """The steps that ask about the parents of pages, in a page's selection or in objects that it holds besides rows."""
    for step in selection.steps:
        match step:
            case PerParent():
                yield step
            case Mapped(shape=Objects(selection=below)):
                yield from _per_parent(below)


def follow(
    run: Run,
    scope: Scope,
    slot: Slot[list[Failure] | State],
    field: Field,
    batch: Batch,
    keys: list[Any],
    target: Target[State],
) -> None:
    """Ask the batch, then open the target with what it finds."""

    def then(found: Mapping[Any, Any]) -> None:
        scope.states[slot] = target.open(run, batch, keys, found)

    def fail(error: Exception) -> None:
        scope.states[slot] = [run.failure(error)] * len(keys)

    run.ask(batch, keys, field, then, fail)


def ended(target: Target[State], state: list[Failure] | State) -> list[Any]:
    """The members that the target built, or the failures."""
    return state if isinstance(state, list) else target.end(state)


class Resolved(Generic[State]):
    """A value from a resolver, which is called for one object after the other. Awaitables are awaited together."""

    awaits = True

    def __init__(self, field: Field, bind: Callable[[Run], Callable[[Any], Any]], shape: Shape[State]) -> None:
        self.field = field
        self.bind = bind
        """Binds the resolver to a run: returns a function of one object. Raises if the arguments are invalid."""
        self.shape = shape

    def begin(self, run: Run, scope: Scope, slot: Slot[State]) -> None:
        values = self._values(run, scope.sources)
        fate, fails = scope.fate, self.shape.fails if self.shape.required else None
        if fails is not None and fate is not None:
            for n, value in enumerate(values):
                if value is None or isinstance(value, Failure):
                    run.failed = True
                    fate.lose(n)
        run.wait(values, functools.partial(self._complete, run, scope, slot, values), fate, fails)

    def _values(self, run: Run, sources: Sequence[Any]) -> list[Any]:
        if self in run.resolved:
            return [run.resolved.pop(self)]
        try:
            call = self.bind(run)
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            return [run.failure(error)] * len(sources)
        return [run.watched(self.field, attempt(run, call, source)) for source in sources]

    def _complete(self, run: Run, scope: Scope, slot: Slot[State], values: list[Any]) -> None:
        scope.states[slot] = self.shape.begin(run, self.field, values, scope, scope.fate)

    def end(self, scope: Scope, slot: Slot[State]) -> list[Any]:
        return self.shape.end(scope.states[slot])
