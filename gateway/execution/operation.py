"""What the engine takes in: a request as a client sent it, and the operation that came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from graphql import FragmentDefinitionNode, GraphQLError, OperationDefinitionNode, VariableValues

Kind = Literal["query", "mutation", "subscription"]


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """A request as it was sent: nothing in it has been checked but the types of its members."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    extensions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was parsed, validated and found within the limits, and the one operation chosen from it.

    It depends on nothing but the text and the operation's name, so it is kept and shared between requests.
    """

    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    field_names: frozenset[str]

    @property
    def name(self) -> str | None:
        """The operation's name, if it has one."""
        return self.definition.name.value if self.definition.name else None

    @property
    def kind(self) -> Kind:
        """Whether the operation reads once, writes, or listens."""
        return self.definition.operation.value


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation that is ready to run: its document and the variables, checked and coerced."""

    document: Document
    variables: VariableValues
    extensions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str | None:
        """The operation's name, if it has one."""
        return self.document.name

    @property
    def kind(self) -> Kind:
        """Whether the operation reads once, writes, or listens."""
        return self.document.kind

    @property
    def field_names(self) -> frozenset[str]:
        """The names of all fields that the operation mentions, at any depth, fragments included."""
        return self.document.field_names


class RequestErrors(Exception):
    """The request is refused before anything of it has run."""

    def __init__(self, errors: Iterable[GraphQLError], code: str) -> None:
        self.errors = tuple(errors)
        self.code = code
        super().__init__("; ".join(error.message for error in self.errors))
