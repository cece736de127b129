"""What an agent cannot write in SQL either: what decides on approvals, and what agents may do."""

from __future__ import annotations

import asyncpg
import pytest

from tests.kit.runtime import stamp
from tests.kit.serving import Client

WRITES = (
    "INSERT INTO auto_approval_rules (user_id, tool_name, effect) VALUES (tenant(), '*', 'allow')",
    "UPDATE auto_approval_rules SET effect = 'allow'",
    "UPDATE auto_approval_rules SET tool_name = '*'",
    "UPDATE auto_approval_rules SET expires_at = NULL, created_at = now()",
    "UPDATE auto_approval_rules SET deleted_at = clock_timestamp()",
    "UPDATE auto_approval_settings SET low_risk_operations = true",
    "UPDATE auto_approval_settings SET max_cost_per_hour_usd = 1000",
    "UPDATE known_tools SET risk = 'read_only'",
    "INSERT INTO known_tools (user_id, tool_name, risk) VALUES (tenant(), 'new', 'read_only')",
    "INSERT INTO agent_tokens (user_id, name, scopes, hash, last_four)"
    " VALUES (tenant(), 'x', jsonb_build_array('read'), '', 'wxyz')",
    "UPDATE agent_tokens SET revoked_at = clock_timestamp()",
)
SUGGESTION = "INSERT INTO known_tools (user_id, tool_name, suggested_risk) VALUES (tenant(), 'new', 'read_only')"


async def act_as(runtime: asyncpg.Connection, user: Client, actor: str) -> None:
    await stamp(runtime, str(user.user_id))
    await runtime.execute("SELECT set_config('app.actor', $1, true)", actor)


@pytest.mark.parametrize("text", WRITES)
async def test_a_person_writes_it_and_an_agent_does_not(user: Client, runtime: asyncpg.Connection, text: str) -> None:
    await user.agent("tools:propose")
    await user.make("createAutoApprovalRule", "autoApprovalRule", toolName="bash", effect="ASK")
    await user.make("suggestToolRisk", "knownTool", toolName="bash", risk="HIGH")
    await act_as(runtime, user, "agent")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="an agent cannot write"):
        async with runtime.transaction():
            await runtime.execute(text)
    await act_as(runtime, user, "user")
    assert (await runtime.execute(text)).endswith(" 1")


async def test_an_agent_still_suggests_proposes_and_deletes_a_conversation_with_rules(
    user: Client, runtime: asyncpg.Connection
) -> None:
    agent = await user.agent("read", "tools:propose", "messages:write")
    for risk in ("READ_ONLY", "LOW"):
        suggested = await agent.make("suggestToolRisk", "knownTool", "risk suggestedRisk", toolName="ls", risk=risk)
        assert suggested == {"risk": "HIGH", "suggestedRisk": risk}
    conversation = (await user.make("createConversation", "conversation"))["id"]
    rule = {"toolName": "ls", "effect": "ASK", "conversationId": conversation}
    made = await user.make("createAutoApprovalRule", "autoApprovalRule", **rule)
    await agent.make("proposeToolExecution", "toolExecution", toolName="ls", conversationId=conversation)
    used = "query($id: ID!) { autoApprovalRule(id: $id) { timesUsed } }"
    assert (await user.data(used, id=made["id"]))["autoApprovalRule"] == {"timesUsed": 1}
    await agent.make("deleteConversation", "conversation", id=conversation)
    await act_as(runtime, user, "agent")
    assert await runtime.fetchval("SELECT count(*) FROM auto_approval_rules WHERE deleted_at IS NOT NULL") == 1
    assert await runtime.execute(SUGGESTION) == "INSERT 0 1"
