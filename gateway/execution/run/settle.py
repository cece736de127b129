"""The second pass, for answers in which something has failed: which errors there are, where, and what becomes null.

The tree of members is gone through as graphql-core would have made it, object by object in the order of the document.
An error makes its field null, or what holds the field where null is not allowed, and what comes behind it there is not
looked at any more.

https://spec.graphql.org/September2025/#sec-Handling-Execution-Errors
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLList, GraphQLNonNull, GraphQLOutputType, located_error

from gateway.execution.run.compile import compile_read
from gateway.execution.run.field import Entry, Field
from gateway.execution.run.lists import Broken
from gateway.execution.run.plan import Selection
from gateway.execution.run.run import ABANDONED, Failure, Scope

Path = tuple[str | int, ...]


class Partial:
    """An object of the response as it is before errors are settled."""

    __slots__ = ("members", "selection")

    def __init__(self, selection: Selection, members: tuple[Any, ...]) -> None:
        self.selection = selection
        self.members = members


def build_partials(scope: Scope) -> list[Any]:
    """The objects of a scope, whatever has failed in them, after those that were built before something did."""
    columns = [_column(scope, entry) for entry in scope.selection.entries]
    members = zip(*columns, strict=True) if columns else (() for _ in scope.sources)
    begun = len(scope.results)
    return scope.results + [Partial(scope.selection, each) for each in islice(members, begun, None)]


def _column(scope: Scope, entry: Entry) -> list[Any]:
    if entry.step is not None:
        return scope.selection.steps[entry.step].end(scope, entry.step)  # type: ignore[arg-type]
    assert entry.inline is not None  # noqa: S101 - an entry is one or the other
    read = compile_read(entry.inline)
    return [_attempt(read, source) for source in scope.sources]


def _attempt(read: Any, source: Any) -> Any:
    try:
        return read(source)
    except Exception as error:  # noqa: BLE001 - the boundary of a field
        return Failure(error)


def settled(partial: Any) -> ExecutionResult:
    """The answer that an object at the root comes to; without data where a failure goes all the way up."""
    if not isinstance(partial, Partial):
        return ExecutionResult(partial, None)  # it was built before something failed
    settler = _Settler()
    try:
        data = settler.object(partial, ())
    except GraphQLError as error:
        return ExecutionResult(None, [*settler.errors, error])
    return ExecutionResult(data, settler.errors or None)


@dataclass(slots=True)
class _Settler:
    """Goes through one answer and collects its errors."""

    errors: list[GraphQLError] = field(default_factory=list)

    def object(self, partial: Partial, path: Path) -> dict[str, Any]:
        """What was given up does not count: something else of the object has failed, and makes it null."""
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
        if member is None:
            return None
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
