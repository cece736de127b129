"""What is decided about a proposal: compared with a reference, by inserts of the role that serves.

Every combination of a small domain is tried, and then random ones with several rules.
"""

from __future__ import annotations

import datetime
import itertools
import json
import random
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import pytest_asyncio

from tests.faults.chance import SEED, dice, scaled
from tests.kit.database import Database
from tests.kit.runtime import acting_as
from tests.kit.serving import Client
from tests.sql.approvals.reference import SETTINGS, Decision, Rule, Tool, decide, different

RISKS = ("read_only", "low", "high")
TOOLS = [
    *(Tool(f"old_{risk}", risk, approved_before=True) for risk in RISKS),
    *(Tool(f"new_{risk}", risk) for risk in RISKS),
    Tool("unseen"),
]
COSTS = [None, Decimal("0.5"), Decimal(1), Decimal("1.000001")]
SPENT = [Decimal(0), Decimal(9), Decimal("9.5"), Decimal("9.5000001")]
COLUMNS = {
    "readOnlyOperations": "read_only_operations",
    "lowRiskOperations": "low_risk_operations",
    "maxCostPerToolUsd": "max_cost_per_tool_usd",
    "maxCostPerHourUsd": "max_cost_per_hour_usd",
    "requireApprovalForNewTools": "require_approval_for_new_tools",
}
RULE = """
INSERT INTO auto_approval_rules (
    user_id, id, tool_name, arguments, conversation_id, effect, max_cost_usd, expires_at, deleted_at)
VALUES (tenant(), $1, $2, $3, $4, $5, $6, $7, $8)
"""
PROPOSE = """
INSERT INTO tool_executions (user_id, conversation_id, tool_name, parameters, estimated_cost_usd)
VALUES (tenant(), $1, $2, $3, $4)
RETURNING id, status, approval_reason, approval_rule_id
"""
LAST = (
    "SELECT actor, reason, approval_rule_id FROM tool_transitions WHERE tool_execution_id = $1 ORDER BY created_at, id"
)


class Situation:
    """A user with tools, two conversations and what was spent in the last hour, seen by the serving role."""

    def __init__(self, connection: asyncpg.Connection, here: uuid.UUID, elsewhere: uuid.UUID) -> None:
        self.connection = connection
        self.conversations = {"here": here, "elsewhere": elsewhere}

    async def make(self, spent: Decimal) -> None:
        """Make the tools known, and spend."""
        await self.act_as("user")
        for tool in TOOLS[:-1]:
            made = await self.propose(tool.name, "{}", None)
            if tool.approved_before:
                await self.connection.execute(
                    "UPDATE tool_executions SET status = 'approved' WHERE id = $1", made["id"]
                )
            await self.connection.execute("UPDATE known_tools SET risk = $2 WHERE tool_name = $1", tool.name, tool.risk)
        await self.set({**SETTINGS, "requireApprovalForNewTools": False, "maxCostPerToolUsd": 10}, {})
        await self.add([Rule("allow", "spender")])
        made = await self.propose("spender", "{}", spent)
        assert made["status"] == "approved"
        await self.connection.execute("UPDATE auto_approval_rules SET deleted_at = now()")

    async def act_as(self, actor: str) -> None:
        await self.connection.execute("SELECT set_config('app.actor', $1, false)", actor)

    async def set(self, settings: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
        assignments = ", ".join(f"{COLUMNS[name]} = ${n}" for n, name in enumerate(settings, 1))
        await self.connection.execute(f"UPDATE auto_approval_settings SET {assignments}", *settings.values())  # noqa: S608
        await self.connection.execute(
            "UPDATE conversations SET auto_approval_settings = $2 WHERE id = $1",
            self.conversations["here"],
            json.dumps(overrides, default=str),
        )

    async def propose(self, tool: str, parameters: str, estimate: Decimal | None) -> asyncpg.Record:
        (made,) = await self.connection.fetch(PROPOSE, self.conversations["here"], tool, parameters, estimate)
        return made

    async def add(self, rules: Sequence[Rule]) -> None:
        past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
        for rule in rules:
            await self.connection.execute(
                RULE,
                rule.id,
                rule.tool,
                json.dumps({} if rule.pattern is None else {"/x": rule.pattern}),
                self.conversations.get(rule.conversation or ""),
                rule.effect,
                rule.max_cost,
                past if rule.expired else None,
                past if rule.deleted else None,
            )

    async def decided(self, tool: Tool, argument: str | None, estimate: Decimal | None) -> Decision:
        """Propose an execution, check its history, and undo it."""
        parameters = json.dumps({} if argument is None else {"x": argument})
        undone = self.connection.transaction()
        await undone.start()
        made = await self.propose(tool.name, parameters, estimate)
        history = await self.connection.fetch(LAST, made["id"]) if made["status"] != "pending" else []
        await undone.rollback()
        if history:
            assert [step["actor"] for step in history[1:]] == ["system"]
            assert history[1]["reason"]
            assert history[1]["approval_rule_id"] == made["approval_rule_id"]
        return Decision(made["status"], made["approval_reason"], made["approval_rule_id"])


@pytest_asyncio.fixture(loop_scope="module")
async def situation(user: Client, database: Database, superuser: asyncpg.Connection) -> AsyncIterator[Situation]:
    here, elsewhere = [(await user.make("createConversation", "conversation"))["id"] for _ in range(2)]
    # Rules that have expired already are refused, and none shall expire during a test.
    await superuser.execute("ALTER TABLE auto_approval_rules DISABLE TRIGGER future_expires_at")
    try:
        async with acting_as(database, user.user_id) as connection:
            yield Situation(connection, uuid.UUID(here), uuid.UUID(elsewhere))
    finally:
        await superuser.execute("ALTER TABLE auto_approval_rules ENABLE TRIGGER future_expires_at")


def _small_rules() -> list[list[Rule]]:
    every = itertools.product(("allow", "ask", "deny"), (None, "here", "elsewhere"), ("a*", "b*"))
    return [[], *([Rule(effect, "*", pattern, where)] for effect, where, pattern in every)]


async def test_every_combination_of_the_small_domain(situation: Situation) -> None:
    tried = 0
    for spent in SPENT:
        async with _undone(situation):
            await situation.make(spent)
            for read_only, low_risk, asks in itertools.product((False, True), repeat=3):
                settings = {
                    **SETTINGS,
                    "readOnlyOperations": read_only,
                    "lowRiskOperations": low_risk,
                    "requireApprovalForNewTools": asks,
                }
                # The least and the most are spent with each rule, the edges without one.
                for rules in _small_rules() if spent in (SPENT[0], SPENT[2]) else [[]]:
                    async with _undone(situation):
                        await situation.set(settings, {})
                        await situation.add(rules)
                        for tool, cost in itertools.product(TOOLS, COSTS):
                            expected = decide(settings, {}, rules, tool, "ab", cost, spent)
                            assert await situation.decided(tool, "ab", cost) == expected, (settings, rules, tool, cost)
                            tried += 1
    assert tried == 8 * 7 * 4 * (19 + 1 + 19 + 1)


async def test_random_combinations(situation: Situation) -> None:
    chance = dice("approvals")
    amounts = [Decimal(n) / 4 for n in range(9)]
    for _ in range(scaled(15)):
        async with _undone(situation):
            spent = chance.choice(amounts)
            await situation.make(spent)
            for _ in range(20):
                async with _undone(situation):
                    settings = _settings(chance, amounts)
                    overrides = {k: v for k, v in _settings(chance, amounts).items() if chance.random() < 0.3}
                    rules = different(_rule(chance, amounts) for _ in range(chance.choice((0, 1, 2, 3, 5, 8))))
                    await situation.set(settings, overrides)
                    await situation.add(rules)
                    for _ in range(10):
                        await situation.act_as(chance.choice(("user", "agent", "system")))
                        call = (
                            chance.choice(TOOLS),
                            chance.choice((None, "a", "ab", "b")),
                            chance.choice((None, *amounts)),
                        )
                        expected = decide(settings, overrides, rules, *call, spent)
                        assert await situation.decided(*call) == expected, (
                            SEED,
                            settings,
                            overrides,
                            rules,
                            call,
                            spent,
                        )


def _settings(chance: random.Random, amounts: Sequence[Decimal]) -> dict[str, Any]:
    return {
        name: chance.random() < 0.5 if isinstance(usual, bool) else chance.choice(amounts)
        for name, usual in SETTINGS.items()
    }


def _rule(chance: random.Random, amounts: Sequence[Decimal]) -> Rule:
    return Rule(
        chance.choice(("allow", "allow", "ask", "deny")),
        chance.choice(("*", "old_*", "*_low", "new_high", "old_read_only", "unseen")),
        chance.choice((None, "a", "a*", "b*", "*")),
        chance.choice((None, None, "here", "elsewhere")),
        chance.choice((None, *amounts)),
        chance.random() < 0.1,
        chance.random() < 0.1,
    )


class _undone:  # noqa: N801
    """Undoes what the block does."""

    def __init__(self, situation: Situation) -> None:
        self.transaction = situation.connection.transaction()

    async def __aenter__(self) -> None:
        await self.transaction.start()

    async def __aexit__(self, *_: object) -> None:
        await self.transaction.rollback()
