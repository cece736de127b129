"""The steps of a plan: the ways in which fields get their values for a whole level."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Protocol

from gateway.data.batches import Batch, ByKey
from gateway.execution.call import FieldArguments
from gateway.execution.compile import compile_column
from gateway.execution.plan import Field, Reads, Selection
from gateway.execution.run import Failure, Run, Scope
from gateway.execution.shape import Shape, attempt, cut
from gateway.schema.level import Follows, Lookup, OfPage, PerPage


class Mapped:
    """A value worked out from each object by itself."""

    def __init__(self, field: Field, function: Callable[[Any], Any], shape: Shape, *, safe: bool = False) -> None:
        self._field = field
        self._function = function
        self._shape = shape
        self._safe = safe
        """Whether the function never fails."""

    def begin(self, run: Run, scope: Scope, place: int) -> None:
        if self._safe:
            values = list(map(self._function, scope.sources))
        else:
            values = [attempt(run, self._function, source) for source in scope.sources]
        scope.states[place] = self._shape.begin(run, self._field, values, scope)

    def end(self, scope: Scope, place: int) -> list[Any]:
        return self._shape.end(scope.states[place])


class Placed:
    """A value worked out from each object and the page it came from."""

    def __init__(self, field: Field, told: OfPage, shape: Shape) -> None:
        self._field = field
        self._function = told.function
        self._shape = shape

    def begin(self, run: Run, scope: Scope, place: int) -> None:
        values = [self._function(scope.given, source) for source in scope.sources]
        scope.states[place] = self._shape.begin(run, self._field, values, scope)

    def end(self, scope: Scope, place: int) -> list[Any]:
        return self._shape.end(scope.states[place])


class PerParent:
    """What another batch says of the parents of the pages."""

    def __init__(self, field: Field, told: PerPage, shape: Shape) -> None:
        self._field = field
        self._told = told
        self._shape = shape

    def begin(self, run: Run, scope: Scope, place: int) -> None:
        def answer(values: list[Any]) -> None:
            scope.states[place] = self._shape.begin(run, self._field, values, scope)

        batch = self._told.batch(scope.given)
        run.ask(
            batch,
            scope.keys,
            self._field,
            lambda found: answer([found[key] if key in found else batch.missing() for key in scope.keys]),
            lambda error: answer([run.failure(error)] * len(scope.keys)),
        )

    def end(self, scope: Scope, place: int) -> list[Any]:
        return self._shape.end(scope.states[place])


class Link:
    """A link: one batch for all objects of the level."""

    def __init__(
        self,
        field: Field,
        follows: Follows,
        keys: Callable[[], str],
        arguments: FieldArguments,
        reads: Reads,
        target: Target,
    ) -> None:
        """`keys` gives the expression that reads the key off an object, once the columns of the level are known."""
        self.field = field
        self._follows = follows
        self._keys = keys
        self._arguments = arguments
        self._reads = reads
        self._target = target
        self._constant: Batch | None = None

    @property
    def proves_parent(self) -> bool:
        """Whether a row that it finds cannot be there without the object it belongs to."""
        return self._follows.key == "id" and not isinstance(self._target, ToOne) and self._reads_rows

    @property
    def _reads_rows(self) -> bool:
        return not isinstance(self._target, ToPages) or self._target.reads_rows

    def begin(self, run: Run, scope: Scope, place: int) -> None:
        try:
            batch = self._batch(run)
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            scope.states[place] = [run.failure(error)] * len(scope.sources)
            return
        keys = self._read_keys(scope.sources)
        if self._reads_rows:
            follow(run, scope, place, self.field, batch, keys, self._target)
        else:
            scope.states[place] = self._target.open(run, batch, keys, {})

    def batch(self, run: Run) -> Batch | None:
        """The batch that it would ask; None where its arguments make no sense."""
        try:
            return self._batch(run)
        except Exception:  # noqa: BLE001 - it is told where the field begins
            return None

    @functools.cached_property
    def _read_keys(self) -> Callable[[Sequence[Any]], list[Any]]:
        return compile_column(self._keys())

    def _batch(self, run: Run) -> Batch:
        if self._constant is not None:
            return self._constant
        batch = self._follows.batch(self._arguments.of(run), self._reads.wanted, placed=self._reads.placed)
        if self._arguments.constant:
            self._constant = batch
        return batch

    def end(self, scope: Scope, place: int) -> list[Any]:
        return ended(self._target, scope.states[place])


class Found:
    """A root field that finds one object by its key.

    Where nothing is asked of the object but its id, its row is not read if it is known to be there anyway: by whoever
    worked out the key, or because something that belongs to it was found.
    """

    def __init__(
        self,
        field: Field,
        told: Lookup,
        arguments: FieldArguments,
        reads: Reads,
        selection: Selection,
        *,
        required: bool,
    ) -> None:
        self._field = field
        self._told = told
        self._arguments = arguments
        self._reads = reads
        self._selection = selection
        self._target = ToOne(selection, required=required)

    def begin(self, run: Run, scope: Scope, place: int) -> None:
        try:
            key = self._told.key(run.context, **self._arguments.of(run))
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            scope.states[place] = [run.failure(error)] * len(scope.sources)
            return
        keys = [key] * len(scope.sources)
        if key is None or self._reads.wanted != ("id",):
            self._read(run, scope, place, keys)
        elif self._told.is_there:
            self._presume(run, scope, place, keys)
        elif (witness := self._witness) is None or (batch := witness.batch(run)) is None:
            self._read(run, scope, place, keys)
        else:
            # What it finds is remembered by the run: the link below finds it there.
            run.ask(
                batch,
                keys,
                witness.field,
                lambda found: (self._presume if found.get(key) else self._read)(run, scope, place, keys),
                lambda _error: self._read(run, scope, place, keys),
            )

    @functools.cached_property
    def _batch(self) -> ByKey:
        entity = self._told.entity
        return ByKey(entity.table, "id", self._reads.wanted, entity.record)

    @functools.cached_property
    def _witness(self) -> Link | None:
        """A link to what cannot be there without the object."""
        return next((step for step in self._selection.steps if isinstance(step, Link) and step.proves_parent), None)

    def _read(self, run: Run, scope: Scope, place: int, keys: list[Any]) -> None:
        follow(run, scope, place, self._field, self._batch, keys, self._target)

    def _presume(self, run: Run, scope: Scope, place: int, keys: list[Any]) -> None:
        """Go on with what its row would hold."""
        scope.states[place] = self._target.open(run, self._batch, keys, {key: (key,) for key in keys})

    def end(self, scope: Scope, place: int) -> list[Any]:
        return ended(self._target, scope.states[place])


class Target(Protocol):
    """What becomes of the rows that a link has found."""

    def open(self, run: Run, batch: Any, keys: Sequence[Any], found: Mapping[Any, Any]) -> Any:
        """Go on with them. What is given back goes to `end`."""

    def end(self, state: Any) -> list[Any]:
        """The members, one for each key."""


class ToOne:
    """One object for each key, or none. Objects that several keys lead to are built once."""

    def __init__(self, selection: Selection, *, required: bool) -> None:
        self._selection = selection
        self._required = required

    def open(
        self, run: Run, batch: Any, keys: Sequence[Any], found: Mapping[Any, Any]
    ) -> tuple[Sequence[Any], list[Any], Scope]:
        used = [key for key in dict.fromkeys(keys) if key in found]
        if self._required and any(key not in found for key in keys):
            run.failed = True
        return keys, used, run.open(self._selection, [found[key] for key in used])

    def end(self, state: tuple[Sequence[Any], list[Any], Scope]) -> list[Any]:
        keys, used, below = state
        if len(used) == len(keys):
            return below.results
        built = dict(zip(used, below.results, strict=True))
        return [built.get(key) for key in keys]


class ToMany:
    """A list of objects for each key."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def open(self, run: Run, batch: Any, keys: Sequence[Any], found: Mapping[Any, Any]) -> tuple[list[int], Scope]:
        lists = [found.get(key, ()) for key in keys]
        return [len(rows) for rows in lists], run.open(self._selection, list(chain.from_iterable(lists)))

    def end(self, state: tuple[list[int], Scope]) -> list[Any]:
        lengths, below = state
        return cut(below.results, lengths)


class ToPages:
    """A connection for each key. Those that are empty are all alike, and built once, unless they are counted."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._counted = any(isinstance(step, PerParent) for step in selection.steps)
        self.reads_rows = not all(isinstance(step, PerParent) for step in selection.steps)
        """Whether anything is asked of the rows, so that they must be had."""

    def open(
        self, run: Run, batch: Any, keys: Sequence[Any], found: Mapping[Any, Any]
    ) -> tuple[Sequence[Any], Sequence[Any], Scope]:
        nothing = batch.missing()
        if self._counted:
            return keys, keys, run.open(self._selection, [found.get(key, nothing) for key in keys], batch, keys)
        used = [key for key in keys if key in found]
        pages = [found[key] for key in used]
        if len(used) < len(keys):
            pages.append(nothing)
        return keys, used, run.open(self._selection, pages, batch)

    def end(self, state: tuple[Sequence[Any], Sequence[Any], Scope]) -> list[Any]:
        keys, used, below = state
        if len(used) == len(keys):
            return below.results
        *members, empty = below.results
        built = dict(zip(used, members, strict=True))
        return [built.get(key, empty) for key in keys]


def follow(run: Run, scope: Scope, place: int, field: Field, batch: Batch, keys: list[Any], target: Target) -> None:
    """Ask the batch, and go on to the target with what it finds."""

    def then(found: Mapping[Any, Any]) -> None:
        scope.states[place] = target.open(run, batch, keys, found)

    def fail(error: Exception) -> None:
        scope.states[place] = [run.failure(error)] * len(keys)

    run.ask(batch, keys, field, then, fail)


def ended(target: Target, state: Any) -> list[Any]:
    """The members that came of it, or the failures."""
    return state if isinstance(state, list) else target.end(state)


class Resolved:
    """A value that a resolver gives, called for one object after the other; what it promises is awaited together."""

    def __init__(self, field: Field, caller: Callable[[Run], Callable[[Any], Any]], shape: Shape) -> None:
        self._field = field
        self._caller = caller
        """Makes the function of one object for this run. Raises what is wrong with the arguments."""
        self._shape = shape

    def begin(self, run: Run, scope: Scope, place: int) -> None:
        try:
            call = self._caller(run)
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            values: list[Any] = [run.failure(error)] * len(scope.sources)
        else:
            values = [run.watched(self._field, attempt(run, call, source)) for source in scope.sources]
        if self._shape.required:
            scope.doomed.update(n for n, value in enumerate(values) if value is None or isinstance(value, Failure))
        run.wait(values, partial(self._complete, run, scope, place, values), scope.doomed.__contains__)

    def _complete(self, run: Run, scope: Scope, place: int, values: list[Any]) -> None:
        scope.states[place] = self._shape.begin(run, self._field, values, scope)

    def end(self, scope: Scope, place: int) -> list[Any]:
        return self._shape.end(scope.states[place])
