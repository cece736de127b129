"""What the engine takes in: a request as a client sent it, and the operation that came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from graphql import FragmentDefinitionNode, GraphQLError, OperationDefinitionNode, VariableValues

if TYPE_CHECKING:
    from gateway.execution.cost import Cost
    from gateway.execution.plan import Plan
    from gateway.execution.planner import Plans
    from gateway.execution.size import Shown

Kind = Literal["query", "mutation", "subscription"]


NOTHING: Mapping[str, Any] = {}


class OperationRequest(NamedTuple):
    """A request as it was sent: nothing in it has been checked but the types of its members."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] = NOTHING
    extensions: Mapping[str, Any] = NOTHING
    sha256: str | None = None
    """The hash of the document, beside its text, or in its place: then the text is empty."""
    storable: bool = False
    """Whether it is known already that the variables hold nothing that the database could not."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text that was parsed, validated and found within the limits, and the one operation chosen from it.

    It depends on nothing but the text and the operation's name, so it is kept and shared between requests.
    """

    definition: OperationDefinitionNode
    name: str | None
    """The operation's name, if it has one."""
    kind: Kind
    """Whether the operation reads once, writes, or listens."""
    fragments: Mapping[str, FragmentDefinitionNode]
    field_names: frozenset[str]
    coerce: Callable[[Mapping[str, Any]], VariableValues]
    """Checks and converts a request's variables, or raises `RequestErrors`."""
    cost: Cost
    plans: Plans
    shown: Shown
    fits_if_small: bool
    """Whether its response need not be measured where it was made of little."""
    asks_only_schema: bool
    """Whether it is introspection and nothing else, which is the same for everyone."""
    breadth_first: tuple[str, str] = field(init=False)
    """How it is counted when it runs breadth-first."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "breadth_first", (self.kind, "breadth_first"))


class Operation(NamedTuple):
    """An operation that is ready to run: its document and the variables, checked and coerced."""

    document: Document
    variables: VariableValues
    extensions: Mapping[str, Any] = NOTHING

    @property
    def name(self) -> str | None:
        """The operation's name, if it has one."""
        return self.document.name

    @property
    def kind(self) -> Kind:
        """Whether the operation reads once, writes, or listens."""
        return self.document.kind

    @property
    def plan(self) -> Plan | str:
        """How it runs level by level; or why it cannot, and runs object by object."""
        return self.document.plans.plan(self.variables)

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
