"""An operation that is ready to run, and what is kept of it for the next request with the same text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import VariableValues

from gateway.execution.planner import Plans
from gateway.execution.prepare.cost import Cost
from gateway.execution.prepare.document import ParsedOperation
from gateway.execution.prepare.request import NOTHING, Kind
from gateway.execution.prepare.shown import Shown
from gateway.execution.run.plan import Plan


@dataclass(frozen=True, slots=True)
class Document(ParsedOperation):
    """A text that was parsed, validated and found within the limits, and the one operation chosen from it.

    It depends on nothing but the text and the operation's name, so it is kept and shared between requests.
    """

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
