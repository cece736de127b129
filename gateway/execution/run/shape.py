"""Complete the values of a field, so that they become members of the response.

Leaves are serialized, lists are concatenated and split again, objects become the level below. Each shape begins with
the values of a whole level and ends, once everything below is built, with as many members. A null in a non-null
position is only noted here; `settle.py` propagates it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Any, Generic, Protocol

from graphql import (
    GraphQLAbstractType,
    GraphQLError,
    GraphQLLeafType,
    GraphQLObjectType,
    Undefined,
    default_type_resolver,
)
from graphql.pyutils import inspect, is_async_iterable, is_iterable

from gateway.execution.run.fate import Fate
from gateway.execution.run.field import Field
from gateway.execution.run.leaf import checked, writer
from gateway.execution.run.lists import Broken, Spoilt, collected, collected_from
from gateway.execution.run.plan import Selection, State
from gateway.execution.run.run import Failure, Run, Scope


class Shape(Protocol[State]):
    """How values of one type are completed."""

    required: bool
    """Whether the type is non-null."""
    awaits: bool
    """Whether anything in the values may be awaited. It is abandoned when its parent is lost."""

    def begin(self, run: Run, field: Field, values: list[Any], above: Scope, fate: Fate | None = None) -> State:
        """Take the values in. Returns the state that `end` takes. `fate` is the fate of the values' parents."""

    def fails(self, value: Any) -> bool:
        """Whether a value of a required shape makes its parent null, as far as that shows without awaiting anything."""

    def end(self, state: State) -> list[Any]:
        """The members, one for each value."""


class Leaf:
    """A scalar or an enumeration."""

    awaits = False

    def __init__(self, of: GraphQLLeafType, *, required: bool) -> None:
        self.required = required
        self.of = of
        self.write = checked(of)
        self._write_all = writer(of)

    def begin(self, run: Run, field: Field, values: list[Any], above: Scope, fate: Fate | None = None) -> list[Any]:
        if run.failed:
            written = [self._one(run, value) for value in values]
        else:
            try:
                written = self._write_all(values)
            except Exception:  # noqa: BLE001 - the boundary of a field: writing one by one shows which value failed
                written = [self._one(run, value) for value in values]
        if self.required and any(value is None for value in written):
            run.failed = True
        return written

    def end(self, state: list[Any]) -> list[Any]:
        return state

    def fails(self, value: Any) -> bool:
        try:
            return is_lost(value) or self.write(value) is None
        except Exception:  # noqa: BLE001 - the error is reported when the value is written
            return True

    def _one(self, run: Run, value: Any) -> Any:
        if isinstance(value, Failure):
            return value
        try:
            return self.write(value)
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            return run.failure(error)


class Objects:
    """Objects of which none is null or failed: rows, and objects made from them."""

    required = True
    awaits = False

    def __init__(self, selection: Selection) -> None:
        self.selection = selection

    def begin(self, run: Run, field: Field, values: list[Any], above: Scope, fate: Fate | None = None) -> Scope:
        return run.open(self.selection, values, above.batch, above.keys)

    def end(self, state: Scope) -> list[Any]:
        return state.results

    def fails(self, value: Any) -> bool:
        return False


class Lists(Generic[State]):
    """Lists of which none is null or failed."""

    required = True
    awaits = False

    def __init__(self, items: Shape[State]) -> None:
        self.items = items

    def begin(
        self, run: Run, field: Field, values: list[list[Any]], above: Scope, fate: Fate | None = None
    ) -> tuple[list[int], State]:
        items = list(chain.from_iterable(values))
        return [len(value) for value in values], self.items.begin(run, field, items, above)

    def end(self, state: tuple[list[int], State]) -> list[Any]:
        lengths, below = state
        return cut(self.items.end(below), lengths)

    def fails(self, value: Any) -> bool:
        return False


def is_lost(value: Any) -> bool:
    """Whether a value is null or failed."""
    return value is None or value is Undefined or isinstance(value, Failure | Exception)


def cut(members: list[Any], lengths: Sequence[int]) -> list[Any]:
    """Split the members into lists of these lengths."""
    left = iter(members)
    return [list(islice(left, length)) for length in lengths]


class _Sorted:
    """Values, and the state of those among them that go on below."""

    __slots__ = ("going_on", "state", "values")

    def __init__(self, values: list[Any]) -> None:
        self.values = values
        self.going_on: list[int] = []
        """The indexes of the values that go on."""
        self.state: Any = None

    def merged(self, members: list[Any]) -> list[Any]:
        """Put each member at the index of its value; the other values become null, or stay failures."""
        if len(members) == len(self.values):
            return members
        merged = [value if isinstance(value, Failure) else None for value in self.values]
        for index, member in zip(self.going_on, members, strict=True):
            merged[index] = member
        return merged


def sort(run: Run, values: list[Any], *, required: bool) -> _Sorted:
    """Separate the values that go on from nulls and failures. An exception that a resolver returned is a failure."""
    state = _Sorted(values)
    for index, value in enumerate(values):
        if value is None or value is Undefined:
            run.failed = run.failed or required
        elif isinstance(value, Exception):
            values[index] = run.failure(value)
        elif not isinstance(value, Failure):
            state.going_on.append(index)
    return state


class Object:
    """Objects of one type, as a resolver returned them."""

    awaits = True

    def __init__(
        self, of: GraphQLObjectType, selection: Selection, *, required: bool, record: type[Any] | None = None
    ) -> None:
        """`record` is the class of the type's rows, for which `is_type_of` is not called."""
        self.required = required
        self.of = of
        self.selection = selection
        self.record = record

    def begin(self, run: Run, field: Field, values: list[Any], above: Scope, fate: Fate | None = None) -> _Sorted:
        state = sort(run, values, required=self.required)
        if self.of.is_type_of is None or all(type(values[index]) is self.record for index in state.going_on):
            self._open(run, state, fate)
            return state
        info: Any = run.info(field)
        answers = [attempt(run, self.of.is_type_of, values[index], info) for index in state.going_on]
        of_answers = Fate(fate, state.going_on, required=self.required)
        run.wait(answers, lambda: self._check(run, field, state, answers, fate), of_answers, _is_no)
        return state

    def fails(self, value: Any) -> bool:
        return is_lost(value)

    def _check(self, run: Run, field: Field, state: _Sorted, answers: list[Any], fate: Fate | None) -> None:
        for index, answer in zip(state.going_on, answers, strict=True):
            if isinstance(answer, Failure):
                state.values[index] = answer
            elif not answer:
                message = f"Expected value of type '{self.of}' but got: {inspect(state.values[index])}."
                state.values[index] = run.failure(GraphQLError(message, field.nodes))
        state.going_on = [index for index in state.going_on if not isinstance(state.values[index], Failure)]
        self._open(run, state, fate)

    def _open(self, run: Run, state: _Sorted, fate: Fate | None) -> None:
        of_objects = Fate(fate, state.going_on, required=self.required)
        state.state = run.open(self.selection, [state.values[index] for index in state.going_on], fate=of_objects)

    def end(self, state: _Sorted) -> list[Any]:
        return state.merged(state.state.results)


class Abstract:
    """Objects of an interface or a union, grouped by their runtime types."""

    awaits = True

    def __init__(
        self,
        of: GraphQLAbstractType,
        select: Callable[[GraphQLObjectType], Shape[Any]],
        *,
        required: bool,
    ) -> None:
        self.required = required
        self._of = of
        self._select = select
        """Returns the shape of a type's objects, which is planned when the first of them is met."""

    def begin(self, run: Run, field: Field, values: list[Any], above: Scope, fate: Fate | None = None) -> _Sorted:
        state = sort(run, values, required=self.required)
        resolve: Any = self._of.resolve_type or default_type_resolver
        info = run.info(field)
        types = [attempt(run, resolve, values[index], info, self._of) for index in state.going_on]
        of_types = Fate(fate, state.going_on, required=self.required)
        run.wait(types, lambda: self._group(run, field, state, types, above, fate), of_types, is_lost)
        return state

    def fails(self, value: Any) -> bool:
        return is_lost(value)

    def _group(self, run: Run, field: Field, state: _Sorted, types: list[Any], above: Scope, fate: Fate | None) -> None:
        indexes: dict[GraphQLObjectType, list[int]] = {}
        for index, name in zip(state.going_on, types, strict=True):
            if isinstance(name, Failure):
                state.values[index] = name
                continue
            try:
                indexes.setdefault(self._type(run, field, name, state.values[index]), []).append(index)
            except Exception as error:  # noqa: BLE001 - the boundary of a field
                state.values[index] = run.failure(error)
        state.state = []
        for of, group in indexes.items():
            shape = self._select(of)
            members, of_members = [state.values[n] for n in group], Fate(fate, group, required=self.required)
            state.state.append((group, shape, shape.begin(run, field, members, above, of_members)))

    def _type(self, run: Run, field: Field, name: Any, value: Any) -> GraphQLObjectType:
        of = run.schema.get_type(name) if isinstance(name, str) else None
        if isinstance(of, GraphQLObjectType) and run.schema.is_sub_type(self._of, of):
            return of
        raise GraphQLError(self._refusal(field, name, of, value), field.nodes)

    def _refusal(self, field: Field, name: Any, of: Any, value: Any) -> str:
        """The message, in graphql-core's words."""
        must = (
            f"Abstract type '{self._of}' must resolve to an Object type at runtime"
            f" for field '{field.parent}.{field.name}'"
        )
        if name is None:
            return (
                f"{must}. Either the '{self._of}' type should provide a 'resolve_type' function"
                " or each possible type should provide an 'is_type_of' function."
            )
        if not isinstance(name, str):
            received = f"received '{inspect(name)}', which is not a valid Object type name."
            return f"{must} with value {inspect(value)}, {received}"
        if of is None:
            return f"Abstract type '{self._of}' was resolved to a type '{name}' that does not exist inside the schema."
        if not isinstance(of, GraphQLObjectType):
            return f"Abstract type '{self._of}' was resolved to a non-object type '{name}'."
        return f"Runtime Object type '{of}' is not a possible type for '{self._of}'."

    def end(self, state: _Sorted) -> list[Any]:
        merged = [value if isinstance(value, Failure) else None for value in state.values]
        for indexes, shape, below in state.state:
            for index, member in zip(indexes, shape.end(below), strict=True):
                merged[index] = member
        return merged


class List:
    """Lists as a resolver returned them."""

    awaits = True

    def __init__(self, items: Shape[Any], *, required: bool) -> None:
        self.required = required
        self.items = items

    def begin(self, run: Run, field: Field, values: list[Any], above: Scope, fate: Fate | None = None) -> _Sorted:
        if all(type(value) is list and not value for value in values):
            return _Sorted(values)
        state = sort(run, values, required=self.required)
        lists = [attempt(run, self._items_of, values[index], field) for index in state.going_on]
        of_lists = Fate(fate, state.going_on, required=self.required)
        run.wait(lists, lambda: self._lay_out(run, field, state, lists, above, fate), of_lists, _is_broken)
        return state

    def fails(self, value: Any) -> bool:
        return is_lost(value)

    def _items_of(self, value: Any, field: Field) -> Any:
        if is_async_iterable(value):
            return collected_from(value, self.items.fails if self.items.required else None)
        if not is_iterable(value):
            message = f"Expected Iterable, but did not find one for field '{field.parent}.{field.name}'."
            raise GraphQLError(message)
        return value if type(value) is list else collected(value)

    def _lay_out(
        self, run: Run, field: Field, state: _Sorted, lists: list[Any], above: Scope, fate: Fate | None
    ) -> None:
        for index, each in zip(state.going_on, lists, strict=True):
            if isinstance(each, Failure):
                state.values[index] = each
        kept = [(index, each) for index, each in zip(state.going_on, lists, strict=True) if type(each) is not Failure]
        state.going_on = [index for index, _ in kept]
        broken = {n: each for n, (_, each) in enumerate(kept) if type(each) is Broken}
        run.failed = run.failed or bool(broken)
        items = list(chain.from_iterable(each for _, each in kept))
        lengths = [len(each) for _, each in kept]
        state.state = [lengths, broken, None]
        lists_of_items = [n for n, length in enumerate(lengths) for _ in range(length)]
        of_items = Fate(Fate(fate, state.going_on, required=self.required), lists_of_items, required=True)
        fails = self.items.fails if self.items.required else None
        run.wait(items, lambda: self._go_on(run, field, state, items, above, of_items), of_items, fails)

    def _go_on(self, run: Run, field: Field, state: _Sorted, items: list[Any], above: Scope, of_items: Fate) -> None:
        if len(items) > 1 and not isinstance(self.items, Leaf):
            # A client may pass the same id to `nodes(ids:)` many times.
            run.budget.add_shared(len(items) - len(set(map(id, items))), 0)
        state.state[2] = self.items.begin(run, field, items, above, of_items)

    def end(self, state: _Sorted) -> list[Any]:
        if state.state is None:
            return state.values
        lengths, broken, below = state.state
        members = cut(self.items.end(below), lengths)
        for index, each in broken.items():
            members[index] = Broken(members[index], each.error)
        return state.merged(members)


def _is_no(answer: Any) -> bool:
    return isinstance(answer, Failure) or not answer


def _is_broken(items: Any) -> bool:
    return isinstance(items, Failure | Broken | Spoilt)


def attempt(run: Run, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function. Returns its result, or a failure if it raises."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - the boundary of a field
        return run.failure(error)
