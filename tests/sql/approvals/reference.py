"""What the documents say about automatic approval, in plain Python: the database is compared with it."""

from __future__ import annotations

import dataclasses
import fnmatch
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

SETTINGS = {
    "readOnlyOperations": False,
    "lowRiskOperations": False,
    "maxCostPerToolUsd": Decimal(1),
    "maxCostPerHourUsd": Decimal(10),
    "requireApprovalForNewTools": True,
}
"""The settings of a new user."""


@dataclass(frozen=True)
class Rule:
    """A rule. Its pattern, for the argument `/x`, is a word that may end in `*`; null matches any arguments."""

    effect: str
    tool: str = "*"
    pattern: str | None = None
    conversation: str | None = None
    """`here`, `elsewhere`, or null for all."""
    max_cost: Decimal | None = None
    expired: bool = False
    deleted: bool = False
    id: uuid.UUID = dataclasses.field(default_factory=uuid.uuid4)


@dataclass(frozen=True)
class Tool:
    """What is known of a tool."""

    name: str
    risk: str = "high"
    approved_before: bool = False


@dataclass(frozen=True)
class Decision:
    """What becomes of a proposal."""

    status: str
    reason: str | None = None
    rule: uuid.UUID | None = None


def decide(
    settings: Mapping[str, Any],
    overrides: Mapping[str, Any],
    rules: Sequence[Rule],
    tool: Tool,
    argument: str | None,
    estimate: Decimal | None,
    spent: Decimal,
) -> Decision:
    """What becomes of a proposal in the conversation `here`."""
    applied = {**settings, **overrides}
    cost = applied["maxCostPerToolUsd"] if estimate is None else estimate
    matching = [rule for rule in rules if _matches(rule, tool, argument)]
    matching = [rule for rule in matching if rule.conversation == "here"] or matching
    of_effect = {effect: [rule for rule in matching if rule.effect == effect] for effect in ("deny", "ask", "allow")}
    if of_effect["deny"]:
        return Decision("cancelled", "denied_by_rule", _first(of_effect["deny"]).id)
    if of_effect["ask"]:
        return Decision("pending")
    if applied["requireApprovalForNewTools"] and not tool.approved_before:
        return Decision("pending")
    if cost > applied["maxCostPerToolUsd"] or spent + cost > applied["maxCostPerHourUsd"]:
        return Decision("pending")
    if of_effect["allow"]:
        enough = [rule for rule in of_effect["allow"] if rule.max_cost is None or cost <= rule.max_cost]
        return Decision("approved", "rule", _first(enough).id) if enough else Decision("pending")
    if tool.risk == "read_only" and (applied["readOnlyOperations"] or applied["lowRiskOperations"]):
        return Decision("approved", "read_only")
    if tool.risk == "low" and applied["lowRiskOperations"]:
        return Decision("approved", "low_risk")
    return Decision("pending")


def different(rules: Iterable[Rule]) -> list[Rule]:
    """The rules without those that are like an earlier one, which the database refuses."""
    return list({dataclasses.replace(rule, id=uuid.UUID(int=0), deleted=False): rule for rule in rules}.values())


def _matches(rule: Rule, tool: Tool, argument: str | None) -> bool:
    if rule.expired or rule.deleted or rule.conversation == "elsewhere":
        return False
    if not fnmatch.fnmatchcase(tool.name, rule.tool):
        return False
    return rule.pattern is None or (argument is not None and fnmatch.fnmatchcase(argument, rule.pattern))


def _first(rules: Sequence[Rule]) -> Rule:
    """Of rules that decide the same, the one with the smallest id is named."""
    return min(rules, key=lambda rule: rule.id)
