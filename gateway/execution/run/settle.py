"""The second pass, for responses in which something failed: locate the errors and propagate nulls.

It walks the members as graphql-core would have completed them, object by object in document order. An error makes its
field null. If the field is non-null, the null bubbles up to the nearest nullable parent, whose remaining members are
not visited any more.

https://spec.graphql.org/September2025/#sec-Handling-Execution-Errors
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, GraphQLList, GraphQLNonNull, GraphQLOutputType, located_error

from gateway.execution.run.compile import compile_read
from gateway.execution.run.field import Entry, Field
from gateway.execution.run.lists import Broken
from gateway.execution.run.plan import Selection
from gateway.execution.run.run import ABANDONED, Failure, Scope

Path = tuple[str | int, ...]


class Partial:
    """An object of the response before its errors are settled."""

    __slots__ = ("members", "selection")

    def __init__(self, selection: Selection, members: tuple[Any, ...]) -> None:
        self.selection = selection
        self.members = members


def build_partials(scope: Scope) -> list[Any]:
    """Build the objects of a scope in pieces, with failures in them. Keeps objects that were already built."""
    columns = [_column(scope, entry) for entry in scope.selection.entries]
    members = zip(*columns, strict=True) if columns else (() for _ in scope.sources)
    begun = len(scope.results)
    return scope.results + [Partial(scope.selection, each) for each in islice(members, begun, None)]


def _column(scope: Scope, entry: Entry) -> list[Any]:
    if entry.step is not None:
        return scope.selection.steps[entry.step].end(scope, entry.step)  # type: ignore[arg-type]
    assert entry.inline is not None  # noqa: S101 - an entry has a step or is inline
    read = compile_read(entry.inline)
    return [_attempt(read, source) for source in scope.sources]


def _attempt(read: Any, source: Any) -> Any:
    try:
        return read(source)
    except Exception as error:  # noqa: BLE001 - the boundary of a field
        return Failure(error)


def settled(partial: Any) -> ExecutionResult:
    """The result for a root object. Its data is None if a null bubbles up to the root."""
    if not isinstance(partial, Partial):
        return ExecutionResult(partial, None)  # it was built before anything failed
    settler = _Settler()
    try:
        data = settler.object(partial, ())
    except GraphQLError as error:
        return ExecutionResult(None, [*settler.errors, error])
    return ExecutionResult(data, settler.errors or None)


@dataclass(slots=True)
class _Settler:
    """Walks one response and collects its errors."""

    errors: list[GraphQLError] = field(default_factory=list)

    def object(self, partial: Partial, path: Path) -> dict[str, Any]:
        """Settle an object. Abandoned members are skipped: another member has failed and makes the object null."""
        return {
            entry.key: member
            if entry.field is None
            else self._guarded(entry.field, entry.field.type, member, (*path, entry.key))
            for entry, member in zip(partial.selection.entries, partial.members, strict=True)
            if member is not ABANDONED
        }

    def _guarded(self, of: Field, returned: GraphQLOutputType, member: Any, path: Path) -> Any:
        try:
            return self._value(of, returned, member, path)
        except Exception as raised:  # noqa: BLE001 - the boundary of a field
            error = located_error(raised, of.nodes, list(path))
            if isinstance(returned, GraphQLNonNull):
                raise error from None
            self.errors.append(error)
            return None

    def _value(self, of: Field, returned: GraphQLOutputType, member: Any, path: Path) -> Any:
        if isinstance(member, Failure):
            raise member.error
        if isinstance(returned, GraphQLNonNull):
            value = self._value(of, returned.of_type, member, path)
            if value is None:
                raise TypeError(f"Cannot return null for non-nullable field {of.parent}.{of.name}.")
            return value
        if member is None or isinstance(member, orjson.Fragment):
            return member  # a list, too, as the database has stored it
        if isinstance(returned, GraphQLList):
            item = returned.of_type
            items = [
                self._guarded(of, item, each, (*path, index))
                for index, each in enumerate(member)
                if each is not ABANDONED
            ]
            if isinstance(member, Broken):
                raise member.error
            return items
        return self.object(member, path) if isinstance(member, Partial) else member
