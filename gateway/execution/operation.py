"""An operation that is ready to run, and its document, which is cached for requests with the same text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import VariableValues

from gateway.execution.planner import Plans
from gateway.execution.prepare.access import Access
from gateway.execution.prepare.cost import Cost
from gateway.execution.prepare.document import ParsedOperation
from gateway.execution.prepare.request import NOTHING, Kind
from gateway.execution.prepare.response_size import SizeFactors
from gateway.execution.run.plan import Plan


@dataclass(frozen=True, slots=True)
class Document(ParsedOperation):
    """A document that was parsed, validated and found within the limits, and the operation chosen from it.

    It depends only on the text and the operation's name, so it is cached and shared between requests.
    """

    coerce: Callable[[Mapping[str, Any]], VariableValues]
    """Coerces a request's variables, or raises `RequestErrors`."""
    cost: Cost
    plans: Plans
    size_factors: SizeFactors
    fits_if_small: bool
    """Whether its response need not be measured if its budget stayed small."""
    asks_only_schema: bool
    """Whether it selects only introspection, whose answer is the same for everyone."""
    access: Access
    """The scopes that an agent's token needs for it."""
    breadth_first: tuple[str, str] = field(init=False)
    """The key under which `Engine.ways` counts it when it runs breadth-first."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "breadth_first", (self.kind, "breadth_first"))


class Operation(NamedTuple):
    """An operation that is ready to run: its document and its coerced variables."""

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
        """Its plan; or why it has none, and runs depth-first."""
        return self.document.plans.plan(self.variables)

    @property
    def field_names(self) -> frozenset[str]:
        """The names of all fields that the operation mentions at any depth, including its fragments."""
        return self.document.field_names
