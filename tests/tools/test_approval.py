"""Automatic approval as clients see it: settings, rules, known tools, what is decided and how it is explained."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.rows import NO_ROW
from tests.kit.runtime import acting_as
from tests.kit.serving import Client, first

DECIDED = "id status approvalReason approvalRule { id } approvedAt completedAt estimatedCostUsd"
HISTORY = "transitions { from to actor reason session { id } approvalRule { id } }"
EXPLAIN = """
query($tool: String!, $parameters: JSON, $conversation: ID, $cost: Decimal) {
    explainApproval(
        toolName: $tool, parameters: $parameters, conversationId: $conversation, estimatedCostUsd: $cost
    ) {
        outcome reason explanation check rule { id toolName } risk isNewTool countedCostUsd spentLastHourUsd
        maxCostPerToolUsd maxCostPerHourUsd
    }
}
"""


async def conversation(user: Client, **values: Any) -> str:
    id: str = (await user.make("createConversation", "conversation", **values))["id"]
    return id


async def settings(user: Client, **values: Any) -> dict[str, Any]:
    return await user.make("updateAutoApprovalSettings", "autoApprovalSettings", "version", **values)


async def rule(user: Client, effect: str = "ALLOW", tool: str = "bash", **values: Any) -> str:
    made = await user.make("createAutoApprovalRule", "autoApprovalRule", toolName=tool, effect=effect, **values)
    id: str = made["id"]
    return id


async def propose(user: Client, selection: str = DECIDED, **values: Any) -> dict[str, Any]:
    values = {"toolName": "bash", **values}
    if "conversationId" not in values:
        values["conversationId"] = await conversation(user)
    return await user.make("proposeToolExecution", "toolExecution", selection, **values)


async def explain(user: Client, tool: str = "bash", **values: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await user.data(EXPLAIN, tool=tool, **values))["explainApproval"]
    return found


async def known(user: Client, tool: str = "bash", selection: str = "id") -> dict[str, Any]:
    tools = f"knownTools(filter: {{ toolName: $name }}) {{ nodes {{ {selection} }} }}"
    operation = f"query($name: [String!]) {{ viewer {{ {tools} }} }}"
    (found,) = (await user.data(operation, name=[tool]))["viewer"]["knownTools"]["nodes"]
    return found  # type: ignore[no-any-return]


async def test_nothing_is_approved_until_a_person_says_so(user: Client) -> None:
    made = await propose(user, f"{DECIDED} knownTool {{ toolName risk firstApprovedAt proposed }}")
    assert (made["status"], made["approvalReason"], made["approvalRule"]) == ("PENDING", None, None)
    assert made["knownTool"]["risk"] == "HIGH"
    assert made["knownTool"]["firstApprovedAt"] is None


async def test_a_rule_approves_and_the_history_says_which(user: Client) -> None:
    await settings(user, requireApprovalForNewTools=False)
    allowed = await rule(user, arguments={"/command": "git status*"})
    made = await propose(user, f"{DECIDED} {HISTORY}", parameters={"command": "git status --short"})
    history = made.pop("transitions")
    assert (made["status"], made["approvalReason"], made["approvalRule"]) == ("APPROVED", "RULE", {"id": allowed})
    assert made["approvedAt"] is not None
    assert [(step["from"], step["to"], step["actor"]) for step in history] == [
        (None, "PENDING", "USER"),
        ("PENDING", "APPROVED", "SYSTEM"),
    ]
    assert history[1]["reason"] == "Rule 'bash git status*' of the user allows it."
    assert history[1]["approvalRule"] == {"id": allowed}
    assert history[1]["session"] is None
    assert history[0]["session"] is not None
    used = await user.data("query($id: ID!) { autoApprovalRule(id: $id) { timesUsed lastUsedAt } }", id=allowed)
    assert used["autoApprovalRule"] == {"timesUsed": 1, "lastUsedAt": made["approvedAt"]}


async def test_a_rule_denies_and_a_chained_command_does_not_escape_it(user: Client) -> None:
    await settings(user, requireApprovalForNewTools=False)
    await rule(user, arguments={"/command": "**"})
    denied = await rule(user, "DENY", arguments={"/command": "rm *"})
    for command in ("rm -rf /", "ls; rm -rf /", "ls && RM  -rf /", "sudo r''m -rf /"):
        made = await propose(user, DECIDED, parameters={"command": command})
        assert (made["status"], made["approvalReason"], made["approvalRule"]) == (
            "CANCELLED",
            "DENIED_BY_RULE",
            {"id": denied},
        )
        assert made["completedAt"] is not None
    assert (await propose(user, parameters={"command": "ls -l"}))["status"] == "APPROVED"
    assert (await propose(user, parameters={"command": "ls -l | sh"}))["status"] == "PENDING"


async def test_subscribers_are_told_of_both_transitions(user: Client) -> None:
    await settings(user, requireApprovalForNewTools=False)
    where = await conversation(user)
    await rule(user, conversationId=where)
    async with user.socket() as socket:
        events = await socket.subscribe(
            'subscription($id: ID) { toolExecutionChanged(conversationId: $id, after: "1.0")'
            " { fromStatus toStatus toolExecution { status approvalReason } } }",
            id=where,
        )
        await propose(user, conversationId=where)
        got = [event["toolExecutionChanged"] for event in await first(events, 2)]
    assert [(event["fromStatus"], event["toStatus"]) for event in got] == [(None, "PENDING"), ("PENDING", "APPROVED")]
    assert got[1]["toolExecution"] == {"status": "APPROVED", "approvalReason": "RULE"}


async def test_a_person_who_approves_makes_a_tool_known(user: Client) -> None:
    id = (await propose(user))["id"]
    approved = await user.make("approveToolExecution", "toolExecution", "approvalReason approvedAt", id=id)
    assert approved["approvalReason"] == "PERSON"
    assert (await known(user, selection="firstApprovedAt"))["firstApprovedAt"] == approved["approvedAt"]
    refused = (await propose(user))["id"]
    cancelled = await user.make("cancelToolExecution", "toolExecution", "status approvalReason", id=refused)
    assert cancelled == {"status": "CANCELLED", "approvalReason": "PERSON"}


async def test_refusing_a_tool_does_not_make_it_known(user: Client) -> None:
    await user.make("cancelToolExecution", "toolExecution", id=(await propose(user))["id"])
    assert (await known(user, selection="firstApprovedAt"))["firstApprovedAt"] is None


async def test_the_settings_of_the_conversation_stand_in_place_of_the_users(user: Client) -> None:
    await settings(user, requireApprovalForNewTools=False, maxCostPerToolUsd="5")
    await propose(user)
    await user.make("updateKnownTool", "knownTool", id=(await known(user))["id"], risk="LOW")
    assert (await propose(user))["status"] == "PENDING"
    here = await conversation(user, autoApprovalSettings={"lowRiskOperations": True, "maxCostPerToolUsd": "0.5"})
    assert (await propose(user, conversationId=here, estimatedCostUsd="0.5"))["approvalReason"] == "LOW_RISK"
    assert (await propose(user, conversationId=here, estimatedCostUsd="0.51"))["status"] == "PENDING"
    await user.make("updateConversation", "conversation", id=here, autoApprovalSettings={})
    assert (await propose(user, conversationId=here, estimatedCostUsd="0.5"))["status"] == "PENDING"


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"everything": True}, "everything"),
        ({"readOnlyOperations": "yes"}, "readOnlyOperations"),
        ({"lowRiskOperations": None}, "lowRiskOperations"),
        ({"maxCostPerToolUsd": -1}, "maxCostPerToolUsd"),
        ({"maxCostPerHourUsd": "1e9"}, "maxCostPerHourUsd"),
        ({"maxCostPerHourUsd": 1000001}, "maxCostPerHourUsd"),
        ({"requireApprovalForNewTools": 0}, "requireApprovalForNewTools"),
        ({"read_only_operations": True}, "read_only_operations"),
    ],
)
async def test_a_wrong_setting_of_a_conversation_is_refused_by_name(
    user: Client, value: dict[str, Any], word: str
) -> None:
    id = await conversation(user)
    for mutation, values in (("createConversation", {}), ("updateConversation", {"id": id})):
        payload = await user.mutate(mutation, "conversation { id }", autoApprovalSettings=value, **values)
        (error,) = payload["userErrors"]
        assert (error["code"], error["field"]) == ("INVALID", ["autoApprovalSettings"])
        assert word in error["message"]


@pytest.mark.parametrize(
    ("values", "field", "word"),
    [
        ({"arguments": []}, "arguments", "an object"),
        ({"arguments": {"path": "x"}}, "arguments", '"path"'),
        ({"arguments": {"/path~": "x"}}, "arguments", '"/path~"'),
        ({"arguments": {"/path": 1}}, "arguments", '"/path"'),
        ({"arguments": {"/args/-1": "x"}}, "arguments", "negative index"),
        ({"arguments": {"/args/ -01/x": "x"}}, "arguments", "negative index"),
        ({"arguments": {"/path": ""}}, "arguments", '"/path"'),
        ({"arguments": {"/path": "x" * 1001}}, "arguments", '"/path"'),
        ({"arguments": {"/path": "../x"}}, "arguments", ".."),
        ({"arguments": {"/url": "https://example.org*"}}, "arguments", "wildcard"),
        ({"arguments": {f"/{n}": "x" for n in range(21)}}, "arguments", "20"),
        ({"host": "https://example.org"}, "host", "scheme"),
        ({"host": "*"}, "host", "example.org"),
        ({"host": "exa*mple.org"}, "host", "example.org"),
        ({"host": "exämple.org"}, "host", "example.org"),
        ({"toolName": ""}, "toolName", "1 to 100"),
        ({"maxCostUsd": "-0.01"}, "maxCostUsd", "between"),
        ({"conversationId": NO_ROW}, "conversationId", "no such conversation"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_wrong_rule_is_refused_with_the_reason(
    user: Client, values: dict[str, Any], field: str, word: str
) -> None:
    given = {"toolName": "bash", "effect": "ALLOW", **values}
    payload = await user.mutate("createAutoApprovalRule", "autoApprovalRule { id }", **given)
    (error,) = payload["userErrors"]
    assert error["field"] == [field]
    assert word in error["message"]


async def test_the_same_rule_is_refused_a_second_time(user: Client) -> None:
    here = await conversation(user)
    tomorrow = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).isoformat()
    values: dict[str, Any] = {
        "arguments": {"/a": "x", "/b": "y"},
        "host": "example.org",
        "maxCostUsd": "0.5",
        "ignoreCase": False,
    }
    made = await rule(user, **values)
    same = Refusal(
        "CONFLICT",
        "toolName",
        "There is already a rule with this tool, effect, arguments, host, cost, conversation and expiry.",
    )
    again = {**values, "arguments": {"/b": "y", "/a": "x"}, "host": "EXAMPLE.org", "maxCostUsd": "0.50", "note": "New."}
    asked = {"toolName": "bash", "effect": "ALLOW", **again}
    assert only_refusal(await user.mutate("createAutoApprovalRule", "autoApprovalRule { id }", **asked)) == same
    others: list[dict[str, Any]] = [
        *({**values, name: None} for name in ("arguments", "host", "maxCostUsd")),
        {**values, "ignoreCase": True},
        {**values, "effect": "ASK"},
        {**values, "tool": "python"},
        {**values, "conversationId": here},
        {**values, "expiresAt": tomorrow},
    ]
    for other in others:
        await rule(user, **other)
    await user.make("deleteAutoApprovalRule", "autoApprovalRule", id=made)
    other_id = await rule(user, **again)
    restored = await user.mutate("restoreAutoApprovalRule", "autoApprovalRule { id }", id=made)
    assert only_refusal(restored) == same
    changed = {"id": other_id, "effect": "ASK"}
    assert only_refusal(await user.mutate("updateAutoApprovalRule", "autoApprovalRule { id }", **changed)) == same


async def test_parameters_that_no_execution_may_have_are_not_explained(user: Client) -> None:
    answer = await user.run(EXPLAIN, tool="bash", parameters={"command": "a" * 262144})
    assert only_refusal(answer) == Refusal("INVALID", "parameters", "Parameters have at most 256 KiB.")
    assert (await explain(user, parameters={"command": "a" * 262000}))["outcome"] == "PENDING"


async def test_what_would_happen_is_what_happens(user: Client) -> None:
    where = await conversation(user)
    explained = await explain(user, conversation=where)
    assert explained == {
        "outcome": "PENDING",
        "reason": None,
        "explanation": "No person has approved this tool yet.",
        "check": "NEW_TOOL",
        "rule": None,
        "risk": "HIGH",
        "isNewTool": True,
        "countedCostUsd": "1",
        "spentLastHourUsd": "0",
        "maxCostPerToolUsd": "1",
        "maxCostPerHourUsd": "10",
    }
    await settings(user, requireApprovalForNewTools=False, maxCostPerHourUsd="0.5")
    assert (await explain(user, conversation=where))["check"] == "COST_PER_HOUR"
    assert (await explain(user, cost="0.1"))["check"] == "RISK"
    allowed = await rule(user, conversationId=where, maxCostUsd="0.2", arguments={"/path": "/work/**"})
    inside: dict[str, Any] = {"parameters": {"path": "/work/x"}, "conversation": where}
    explained = await explain(user, cost="0.2", **inside)
    assert (explained["outcome"], explained["reason"], explained["check"]) == ("APPROVED", "RULE", None)
    assert explained["rule"] == {"id": allowed, "toolName": "bash"}
    assert "'bash /work/**' of this conversation" in explained["explanation"]
    explained = await explain(user, cost="0.3", **inside)
    assert (explained["check"], explained["rule"]["id"]) == ("COST_PER_TOOL", allowed)
    by = "for one execution by rule 'bash /work/**' of this conversation."
    assert explained["explanation"] == f"It may cost 0.3 USD, and at most 0.2 USD are approved {by}"
    assert (await explain(user, cost="0.2", parameters={"path": "/work/x"}))["check"] == "RISK"
    assert (await explain(user, cost="0.2", parameters={"path": "/work/../x"}, conversation=where))["check"] == "RISK"
    assert await user.data("{ viewer { toolExecutions { totalCount } knownTools { totalCount } } }") == {
        "viewer": {"toolExecutions": {"totalCount": 0}, "knownTools": {"totalCount": 0}}
    }


async def test_a_stranger_cannot_ask_about_a_conversation(user: Client, stranger: Client) -> None:
    asked = {"tool": "bash", "conversation": await conversation(user)}
    refused = Refusal("NOT_FOUND", "conversationId", "conversationId: there is no such conversation.")
    assert only_refusal(await stranger.run(EXPLAIN, **asked)) == refused
    assert only_refusal(await user.run(EXPLAIN, tool="bash", conversation=NO_ROW)) == refused
    assert (await user.data(EXPLAIN, **asked))["explainApproval"]["outcome"] == "PENDING"


async def test_what_was_spent_is_the_estimate_until_the_cost_is_known(user: Client) -> None:
    await settings(user, requireApprovalForNewTools=False, maxCostPerHourUsd="2")
    await rule(user)
    where = await conversation(user)
    made = [await propose(user, conversationId=where, estimatedCostUsd=cost) for cost in ("0.5", "0.25")]
    unknown = await propose(user, conversationId=where)
    assert [each["status"] for each in (*made, unknown)] == ["APPROVED"] * 3
    spent = "{ viewer { autoApprovalSettings { spentLastHourUsd } } }"
    await user.check(spent, expect={"viewer": {"autoApprovalSettings": {"spentLastHourUsd": "1.75"}}})
    for each, cost in ((made[0], "0.1"), (unknown, None)):
        await user.make("startToolExecution", "toolExecution", id=each["id"])
        await user.make("completeToolExecution", "toolExecution", id=each["id"], costUsd=cost)
    await user.check(spent, expect={"viewer": {"autoApprovalSettings": {"spentLastHourUsd": "1.35"}}})
    assert (await propose(user, estimatedCostUsd="0.66"))["status"] == "PENDING"
    assert (await propose(user, estimatedCostUsd="0.65"))["status"] == "APPROVED"


async def test_a_tool_is_counted_and_an_agent_may_suggest_its_risk(user: Client) -> None:
    suggest = {"toolName": "search", "readOnlyHint": True, "description": "Finds text."}
    suggested = await user.make("suggestToolRisk", "knownTool", "id risk suggestedRisk description", **suggest)
    assert suggested["risk"] == "HIGH", "a suggestion is no decision"
    assert (suggested["suggestedRisk"], suggested["description"]) == ("READ_ONLY", "Finds text.")
    user.statements.texts.clear()
    suggested = await user.make("suggestToolRisk", "knownTool", "id version", **suggest)
    assert len(user.statements.texts) == 3, "the insert is refused, nothing changes, and the tool is read"
    assert await user.make("suggestToolRisk", "knownTool", "id version", **suggest) == suggested
    again = {"toolName": "search", "destructiveHint": False, "description": "Deletes files."}
    suggested = await user.make("suggestToolRisk", "knownTool", "id risk suggestedRisk description", **again)
    assert (suggested["suggestedRisk"], suggested["description"]) == ("LOW", "Finds text.")
    await user.make("updateKnownTool", "knownTool", id=suggested["id"], risk="READ_ONLY")
    await settings(user, readOnlyOperations=True, requireApprovalForNewTools=False)
    for end, values in (("complete", {"costUsd": "0.2"}), ("fail", {"errorMessage": "It broke."})):
        made = await propose(user, toolName="search")
        assert made["approvalReason"] == "READ_ONLY"
        await user.make("startToolExecution", "toolExecution", id=made["id"])
        await user.make(f"{end}ToolExecution", "toolExecution", id=made["id"], **values)
    counted = "proposed completed failed cancelled totalCostUsd successRate averageMs toolExecutions { totalCount }"
    found = await known(user, "search", counted)
    assert found.pop("averageMs") is not None
    assert found == {
        "proposed": 2,
        "completed": 1,
        "failed": 1,
        "cancelled": 0,
        "totalCostUsd": "0.2",
        "successRate": 0.5,
        "toolExecutions": {"totalCount": 2},
    }


async def test_what_nobody_approves_in_time_cannot_be_approved_late_and_is_cancelled(
    user: Client, database: Database
) -> None:
    await settings(user, requireApprovalForNewTools=False)
    await rule(user, tool="allowed")
    soon = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)).isoformat()
    sent = {"id": str(uuid.uuid4()), "conversationId": await conversation(user), "expiresAt": soon}
    pending = await propose(user, **sent)
    allowed = await propose(user, toolName="allowed", expiresAt=soon)
    assert (pending["status"], allowed["status"]) == ("PENDING", "APPROVED")
    # Once a new proposal is refused for it, the time is over.
    late = {"toolName": "allowed", "conversationId": sent["conversationId"], "expiresAt": soon}
    while not (refused := refusals(await user.mutate("proposeToolExecution", "toolExecution { id }", **late))):
        pass
    assert refused == [Refusal("INVALID", "expiresAt", "This must be a time in the future.")]
    assert await propose(user, **sent) == pending, "the same request again"
    answer = await user.mutate("approveToolExecution", "toolExecution { status }", id=pending["id"])
    assert answer["toolExecution"] == {"status": "PENDING"}
    assert [error["message"] for error in answer["userErrors"]] == [
        "This execution cannot be approved: it has expired."
    ]
    async with acting_as(database, user.user_id) as runtime:
        with pytest.raises(asyncpg.CheckViolationError):
            await runtime.execute(
                "UPDATE tool_executions SET status = 'approved' WHERE id = $1", uuid.UUID(pending["id"])
            )
        while await runtime.fetch("SELECT FROM end_abandoned_work()"):
            pass
    operation = f"query($id: ID!) {{ toolExecution(id: $id) {{ status approvalReason {HISTORY} }} }}"
    found = (await user.data(operation, id=pending["id"]))["toolExecution"]
    assert (found["status"], found["approvalReason"]) == ("CANCELLED", None)
    last = found["transitions"][-1]
    assert (last["actor"], last["reason"]) == ("SYSTEM", "Nobody approved it in time.")
    assert (await user.data(operation, id=allowed["id"]))["toolExecution"]["status"] == "APPROVED"
