"""What resolvers are told of the field that they resolve."""

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
    """What a resolver may learn of the run that it is called in."""

    schema: GraphQLSchema
    document: ParsedOperation
    variables: VariableValues
    context: Any
    root: object

    def track(self, values: Sequence[Any]) -> None:
        """Keep what a resolver has begun and does not wait for."""


class FieldInfo:
    """Passes for graphql-core's `GraphQLResolveInfo`.

    It is made for each call of a resolver and seldom asked for more than the context, so it works the rest out when
    asked. Its path has no places in lists: a level has all of them.
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
