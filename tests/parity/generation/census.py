"""What the random operations were made of and came to, so that a generator that has become poor is noticed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.parity.comparison import Outcome
from tests.parity.generation.operations import Generated

CONSTRUCTS = (
    "alias",
    "__typename",
    "several root fields",
    "several operations",
    "fields merged",
    "field written again",
    "inline fragment without condition",
    "inline fragment on object in object itself",
    "fragment on object",
    "fragment used twice",
    "fragment within a fragment",
    "directive on inline fragment",
    "directive on spread",
    "@skip",
    "@include",
    "condition by literal",
    "condition by variable",
    "arguments left out",
    "variable",
    "variable used twice",
    "variable with a default",
    "variable left out",
    "variable that is null",
    "null literal",
    "input object",
    "variable in an input",
    "enumeration",
    "single value for a list",
)
"""What operations on any schema are made of that has arguments, inputs and enumerations."""


@dataclass(slots=True)
class Census:
    """Counts operations by what they were made of."""

    total: int = 0
    different: set[str] = field(default_factory=set)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, generated: Generated, outcome: Outcome) -> None:
        """Count one operation."""
        self.total += 1
        self.different.add(generated.request.query)
        self.seen.update(generated.seen)
        self.seen["errors"] += bool(outcome.failures)
        self.seen["several errors"] += len(outcome.failures) > 1
        self.seen["no data at all"] += outcome.data == "null"
        self.seen["large answer"] += len(outcome.data) > 500

    def check_rich(self, *more: str) -> None:
        """Most operations differ from each other, and each construct occurs in more than one in a hundred."""
        assert len(self.different) > self.total * 0.8
        wanted = (*CONSTRUCTS, "errors", "large answer", *more)
        rare = {name: self.seen[name] for name in wanted if self.seen[name] * 100 < self.total}
        assert not rare, f"of {self.total} operations only {rare}"
