"""The `info` argument of resolvers: what they may know about the field and the operation."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
)
from graphql.pyutils import Path, gather_with_cancel, is_awaitable

from gateway.execution.prepare.document import ParsedOperation
from gateway.execution.run.field import Field


class Running(Protocol):
    """What a resolver may know about the run."""

    schema: GraphQLSchema
    document: ParsedOperation
    variables: VariableValues
    context: Any
    root: object

    def track(self, values: Sequence[Any]) -> None:
        """Keep awaitables that a resolver started and does not await itself."""


class FieldInfo:
    """Stands in for graphql-core's `GraphQLResolveInfo`.

    Most resolvers read only the context, so everything else is computed on access. The path has no list indexes,
    because one field stands for all objects of a level.
    """

    __slots__ = ("_field", "_run", "context")

    abort_signal = None
    is_awaitable = staticmethod(is_awaitable)

    def __init__(self, run: Running, field: Field) -> None:
        self._run = run
        self._field = field
        self.context = run.context

    @property
    def memo(self) -> dict[Any, Any]:
        return self._field.memo

    @property
    def field_name(self) -> str:
        return self._field.name

    @property
    def field_nodes(self) -> list[FieldNode]:
        return self._field.nodes

    @property
    def return_type(self) -> GraphQLOutputType:
        return self._field.type

    @property
    def parent_type(self) -> GraphQLObjectType:
        return self._field.parent

    @property
    def path(self) -> Path | None:
        path = None
        for key in self._field.path:
            path = Path(path, key, None)
        return path

    @property
    def schema(self) -> GraphQLSchema:
        return self._run.schema

    @property
    def fragments(self) -> Mapping[str, FragmentDefinitionNode]:
        return self._run.document.fragments

    @property
    def root_value(self) -> Any:
        return self._run.root

    @property
    def operation(self) -> OperationDefinitionNode:
        return self._run.document.definition

    @property
    def variable_values(self) -> VariableValues:
        return self._run.variables

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:
        return GraphQLResolveInfoHelpers(gather=_gathered, track=self._run.track)


def _gathered(values: Sequence[Awaitable[Any]]) -> Awaitable[list[Any]]:
    return gather_with_cancel(*values)
