"""What is decided about proposals over the API, of persons and of agents, compared with the reference in Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.faults.chance import SEED, dice, scaled
from tests.kit.serving import Client
from tests.sql.approvals.reference import SETTINGS, Decision, Rule, Tool, decide, different

AMOUNTS = [Decimal(n) / 4 for n in range(6)]
TOOLS = [Tool("reads", "read_only", True), Tool("low", "low", True), Tool("risky", "high", True), Tool("fresh", "high")]
EXPLAIN = """
query($tool: String!, $parameters: JSON, $conversation: ID, $cost: Decimal) {
    explainApproval(
        toolName: $tool, parameters: $parameters, conversationId: $conversation, estimatedCostUsd: $cost
    ) { outcome reason rule { id } spentLastHourUsd }
}
"""


async def test_random_proposals_over_the_api(user: Client) -> None:
    chance = dice("approvals over the API")
    here, elsewhere = [(await user.make("createConversation", "conversation"))["id"] for _ in range(2)]
    await _meet_tools(user, here)
    agent = await user.agent("read", "tools:propose")
    spent = Decimal(0)
    for _ in range(scaled(6)):
        settings = _settings(chance)
        overrides = {name: value for name, value in _settings(chance).items() if chance.random() < 0.3}
        await user.make("updateAutoApprovalSettings", "autoApprovalSettings", **_sent(settings))
        await user.make("updateConversation", "conversation", id=here, autoApprovalSettings=_json(overrides))
        rules = different(_rule(chance) for _ in range(chance.choice((0, 1, 2, 4))))
        await _add(user, rules, {"here": here, "elsewhere": elsewhere})
        for _ in range(6):
            tool, argument = chance.choice(TOOLS), chance.choice((None, "a", "ab", "b"))
            cost = chance.choice((None, *AMOUNTS))
            expected = decide(settings, overrides, rules, tool, argument, cost, spent)
            situation = (SEED, settings, overrides, rules, tool, argument, cost, spent)
            who = chance.choice((user, agent))
            assert await _explained(who, here, tool, argument, cost, spent) == expected, situation
            assert await _proposed(who, here, tool, argument, cost) == expected, situation
            if expected.status == "approved":
                applied = {**settings, **overrides}
                spent += applied["maxCostPerToolUsd"] if cost is None else cost
        for rule in rules:
            if not rule.deleted:
                await user.make("deleteAutoApprovalRule", "autoApprovalRule", id=str(rule.id))


async def _meet_tools(user: Client, conversation: str) -> None:
    """Have a person approve the tools that are known, and set their risks."""
    for tool in TOOLS:
        made = await user.make(
            "proposeToolExecution",
            "toolExecution",
            "id knownTool { id }",
            conversationId=conversation,
            toolName=tool.name,
        )
        if tool.approved_before:
            await user.make("approveToolExecution", "toolExecution", id=made["id"])
        await user.make("updateKnownTool", "knownTool", id=made["knownTool"]["id"], risk=tool.risk.upper())


async def _add(user: Client, rules: Sequence[Rule], conversations: dict[str, str]) -> None:
    for rule in rules:
        values: dict[str, Any] = {"id": str(rule.id), "toolName": rule.tool, "effect": rule.effect.upper()}
        values["arguments"] = {} if rule.pattern is None else {"/x": rule.pattern}
        if rule.conversation is not None:
            values["conversationId"] = conversations[rule.conversation]
        if rule.max_cost is not None:
            values["maxCostUsd"] = str(rule.max_cost)
        await user.make("createAutoApprovalRule", "autoApprovalRule", **values)
        if rule.deleted:
            await user.make("deleteAutoApprovalRule", "autoApprovalRule", id=str(rule.id))


async def _explained(
    who: Client, conversation: str, tool: Tool, argument: str | None, cost: Decimal | None, spent: Decimal
) -> Decision:
    """What would become of a proposal."""
    values: dict[str, Any] = {"tool": tool.name, "conversation": conversation, "parameters": _parameters(argument)}
    values["cost"] = None if cost is None else str(cost)
    told = (await who.data(EXPLAIN, **values))["explainApproval"]
    assert Decimal(told["spentLastHourUsd"]) == spent
    rule = told["rule"] if told["outcome"] != "PENDING" else None
    return _decision(told["outcome"], told["reason"], rule)


async def _proposed(who: Client, conversation: str, tool: Tool, argument: str | None, cost: Decimal | None) -> Decision:
    """What becomes of a proposal."""
    values: dict[str, Any] = {"toolName": tool.name, "conversationId": conversation}
    values["parameters"] = _parameters(argument)
    if cost is not None:
        values["estimatedCostUsd"] = str(cost)
    shown = "status approvalReason approvalRule { id } transitions { actor }"
    made = await who.make("proposeToolExecution", "toolExecution", shown, **values)
    assert [step["actor"] for step in made["transitions"][1:]] == ["SYSTEM"] * (made["status"] != "PENDING")
    return _decision(made["status"], made["approvalReason"], made["approvalRule"])


def _decision(status: str, reason: str | None, rule: dict[str, str] | None) -> Decision:
    by = UUID(rule["id"]) if rule is not None and reason in ("RULE", "DENIED_BY_RULE") else None
    return Decision(status.lower(), reason and reason.lower(), by)


def _parameters(argument: str | None) -> dict[str, str]:
    return {} if argument is None else {"x": argument}


def _settings(chance: random.Random) -> dict[str, Any]:
    return {
        name: chance.random() < 0.5
        if isinstance(usual, bool)
        else chance.choice(AMOUNTS) * (4 if "Hour" in name else 1)
        for name, usual in SETTINGS.items()
    }


def _sent(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, bool) else str(value) for name, value in settings.items()}


def _json(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, bool) else float(value) for name, value in settings.items()}


def _rule(chance: random.Random) -> Rule:
    return Rule(
        effect=chance.choice(("allow", "allow", "ask", "deny")),
        tool=chance.choice(("*", "*", "reads", "risky", "low")),
        pattern=chance.choice((None, "a*", "b*", "ab")),
        conversation=chance.choice((None, None, "here", "elsewhere")),
        max_cost=chance.choice((None, None, *AMOUNTS)),
        deleted=chance.random() < 0.1,
    )
