"""The Python client `gql`: a person lets an agent work within approvals and a budget, and reads bill and audit."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest
from gql import GraphQLRequest
from gql.transport.exceptions import TransportQueryError

from tests.clients.stock import Person, holder, person
from tests.kit.serving import Serving

SCOPES = ["read", "messages:write", "tools:propose", "tools:execute", "usage:write"]
MODEL = {"provider": "openai", "model": "gpt-4o-mini"}
EXECUTION = "toolExecution { id status approvalReason approvalRule { note } transitions { from to actor } }"
BILL = """
    query ($id: ID!) {
        viewer {
            usageBy(dimension: API_KEY) { key requests totalTokens costUsd apiKey { keyName lastFour } }
            usageQuotas { nodes { unit period limit used reserved remaining } }
            knownTools { nodes { toolName risk proposed completed cancelled firstApprovedAt } }
            autoApprovalSettings { spentLastHourUsd }
            auditEntries(first: 50) { nodes { action actor subject { __typename } agentToken { name } } }
        }
        conversation(id: $id) { usage { costUsd } toolExecutions { nodes { toolName status costUsd } } }
    }
"""


async def test_an_agent_works_within_approvals_and_a_budget_and_the_person_sees_the_bill(serving: Serving) -> None:
    async with AsyncExitStack() as stack:
        ada = await stack.enter_async_context(person(serving.url, "signUp", email="principal@example.org"))
        key = await ada.do(
            "createProviderKey", "providerKey { id lastFour }", provider="openai", apiKey="sk-story-0123456789"
        )
        assert key["lastFour"] == "6789"
        await ada.do("updateUser", "user { usesOwnApiKey }", usesOwnApiKey=True)
        await ada.do("createAutoApprovalRule", "autoApprovalRule { id }", **READS)
        await ada.do("updateAutoApprovalSettings", "autoApprovalSettings { id }", requireApprovalForNewTools=False)
        quota = {"unit": "USD", "period": "DAY", "limit": "0.50", "mode": "HARD", "countsOwnKey": True}
        await ada.do("createUsageQuota", "usageQuota { id }", **quota)
        token = await _token(ada)
        agent = await stack.enter_async_context(holder(serving.url, token))

        conversation = (await agent.do("createConversation", "conversation { id }", title="Look around"))["id"]
        await _pay(agent, conversation, key["id"], "0.30")
        await _refused_by_the_budget(agent)

        looked = await _propose(agent, conversation, "git status", "0.01")
        assert looked["status"] == "APPROVED"
        assert looked["approvalReason"] == "RULE"
        assert looked["approvalRule"] == {"note": "looking is fine"}
        assert [move["actor"] for move in looked["transitions"]] == ["AGENT", "SYSTEM"]
        await _run(agent, looked["id"], "0.01")

        risky = await _propose(agent, conversation, "git status; rm -rf /", "0.01")
        assert (risky["status"], risky["approvalReason"]) == ("PENDING", None)
        await _refused_by_the_scope(agent, risky["id"])
        why = "why: it chains commands"
        await ada.do("cancelToolExecution", "toolExecution { id }", id=risky["id"], reason=why)

        asked = await _propose(agent, conversation, "make publish", "0.05")
        await ada.do("approveToolExecution", "toolExecution { id }", id=asked["id"])
        await _run(agent, asked["id"], "0.05")

        await ada.do("revokeAgentToken", "agentToken { id }", id=(await _tokens(ada))[0]["id"])
        with pytest.raises(TransportQueryError, match="has been revoked"):
            await agent.ask("{ viewer { id } }")
        await _read_the_bill(ada, conversation, key["id"])


READS = {
    "toolName": "shell",
    "arguments": {"/command": "git status*"},
    "effect": "ALLOW",
    "note": "looking is fine",
}


async def _token(ada: Person) -> str:
    text = """mutation ($input: CreateAgentTokenInput!) {
        createAgentToken(input: $input) { token agentToken { lastFour } userErrors { message } }
    }"""
    made = await ada.ask(text, input={"name": "Helper", "scopes": SCOPES})
    token: str = made["createAgentToken"]["token"]
    assert token.endswith(made["createAgentToken"]["agentToken"]["lastFour"])
    return token


async def _tokens(ada: Person) -> list[dict[str, str]]:
    return (await ada.ask("{ viewer { agentTokens { nodes { id name } } } }"))["viewer"]["agentTokens"]["nodes"]  # type: ignore[no-any-return]


async def _pay(agent: Person, conversation: str, key: str, cost: str) -> None:
    """Reserve a call of a model, and settle it with what it has cost."""
    held = await agent.do(
        "reserveUsage", "usageReservation { id status }", **MODEL, estimatedCostUsd="0.40", usedOwnApiKey=True
    )
    assert held["status"] == "HELD"
    spent = {"inputTokens": 900, "outputTokens": 100, "costUsd": cost, "apiKeyId": key}
    await agent.do("recordUsage", "usageLog { id }", id=held["id"], conversationId=conversation, **MODEL, **spent)


async def _refused_by_the_budget(agent: Person) -> None:
    refused = (
        """mutation ($input: ReserveUsageInput!) { reserveUsage(input: $input) { userErrors { code message } } }"""
    )
    estimate = {**MODEL, "estimatedCostUsd": "0.21", "usedOwnApiKey": True}
    (error,) = (await agent.ask(refused, input=estimate))["reserveUsage"]["userErrors"]
    assert error["code"] == "CONFLICT"
    assert "0.2" in error["message"]


async def _propose(agent: Person, conversation: str, command: str, cost: str) -> dict[str, Any]:
    call = {"toolName": "shell", "parameters": {"command": command}, "estimatedCostUsd": cost}
    made: dict[str, Any] = await agent.do("proposeToolExecution", EXECUTION, conversationId=conversation, **call)
    return made


async def _run(agent: Person, id: object, cost: str) -> None:
    started = await agent.do("startToolExecution", "toolExecution { attempt }", id=id, worker="one", leaseSeconds=60)
    done = {"id": id, "attempt": started["attempt"], "result": {"ok": True}, "costUsd": cost}
    await agent.do("completeToolExecution", "toolExecution { id }", **done)


async def _refused_by_the_scope(agent: Person, id: object) -> None:
    text = """mutation ($input: ApproveToolExecutionInput!) {
        approveToolExecution(input: $input) { userErrors { message } }
    }"""
    with pytest.raises(TransportQueryError, match="tools:approve"):
        await agent.session.execute(GraphQLRequest(text, variable_values={"input": {"id": id}}))


async def _read_the_bill(ada: Person, conversation: str, key: str) -> None:
    bill = await ada.ask(BILL, id=conversation)
    viewer = bill["viewer"]
    paid = {"keyName": "My API Key", "lastFour": "6789"}
    assert viewer["usageBy"] == [{"key": key, "requests": 1, "totalTokens": 1000, "costUsd": "0.3", "apiKey": paid}]
    assert viewer["usageQuotas"]["nodes"] == [
        {"unit": "USD", "period": "DAY", "limit": "0.5", "used": "0.3", "reserved": "0", "remaining": "0.2"}
    ]
    (tool,) = viewer["knownTools"]["nodes"]
    assert tool.pop("firstApprovedAt")
    assert tool == {"toolName": "shell", "risk": "HIGH", "proposed": 3, "completed": 2, "cancelled": 1}
    assert viewer["autoApprovalSettings"] == {"spentLastHourUsd": "0.01"}
    assert bill["conversation"]["usage"] == {"costUsd": "0.3"}
    told = [(entry["action"], entry["actor"]) for entry in reversed(viewer["auditEntries"]["nodes"])]
    assert told == [
        *(("SIGNED_IN", "USER"), ("KEY_CREATED", "USER"), ("APPROVAL_RULE_CHANGED", "USER")),
        *(("SETTINGS_CHANGED", "USER"), ("TOKEN_CREATED", "USER"), ("TOKEN_REVOKED", "USER")),
    ]
