"""Sample rows for tool executions, one in each status, and for tools; valid values for leases and rules."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from tests.kit.samples import Known, expiries, owned
from tests.kit.serving import Client

MOVES = {
    "PENDING": (),
    "APPROVED": ("approve",),
    "EXECUTING": ("approve", "start"),
    "COMPLETED": ("approve", "start", "complete"),
    "FAILED": ("approve", "start", "fail"),
    "CANCELLED": ("cancel",),
}
"""The mutations that bring a new tool execution to each status."""

BEGINS = {
    "startToolExecution": "APPROVED",
    "approveToolExecution": "PENDING",
    **dict.fromkeys((f"{verb}ToolExecution" for verb in ("renew", "complete", "fail", "cancel")), "EXECUTING"),
}

VALUES = {
    "attempt": 1,
    "leaseSeconds": (60, 90),
    "AutoApprovalRule.toolName": lambda: (f"one.{uuid4().hex}", f"other.{uuid4().hex}"),
    "AutoApprovalRule.expiresAt": expiries,
    "ToolExecution.expiresAt": expiries,
    "AutoApprovalRule.arguments": ({"/path": "src/**"}, {"/command": "git status*"}),
    "AutoApprovalRule.host": ("example.org", "*.example.org"),
}


async def executions(client: Client, known: Known, word: str) -> dict[str, str]:
    """Create a tool execution in each status."""
    return {status: await make_execution(client, status, known["Message"], word) for status in MOVES}


async def execution_in(client: Client, known: Known, state: str) -> str:
    """Create a tool execution in one status."""
    return await make_execution(client, state, known["Message"])


async def make_execution(client: Client, status: str, message: str, word: str = "word") -> str:
    """Create a tool execution for a message, bring it to a status, and return its id."""
    values: dict[str, Any] = {"messageId": message, "toolName": word, "parameters": {"note": word}}
    id: str = (await client.make("proposeToolExecution", "toolExecution", **values))["id"]
    for move in MOVES[status]:
        more: dict[str, Any] = {"errorMessage": word} if move == "fail" else {}
        more |= {"result": {"note": word}} if move in ("complete", "fail") else {}
        more |= {"costUsd": "0.25"} if move == "complete" else {}
        await client.make(f"{move}ToolExecution", "toolExecution", id=id, reason=word, **more)
    return id


async def known_tools(client: Client, known: Known, word: str) -> dict[str, str]:
    """Suggest the risk of a tool."""
    values: dict[str, Any] = {
        "toolName": f"{word}.known"[-100:],
        "description": word,
        "parametersSchema": {"note": word},
    }
    await client.make("suggestToolRisk", "knownTool", **{**values, "toolName": f"{word}.other"[-100:]})
    return {"KNOWN": (await client.make("suggestToolRisk", "knownTool", **values))["id"]}


async def rules(client: Client, known: Known, word: str) -> dict[str, str]:
    """Create a rule for a tool that is named by the word."""
    # No two rules may be the same.
    cost = str(Decimal(1 + await owned(client, "autoApprovalRules")) / 100)
    values: dict[str, Any] = {
        "toolName": word,
        "effect": "ASK",
        "maxCostUsd": cost,
        "note": word,
        "host": "example.org",
    }
    values |= {"arguments": {"/note": word}, "conversationId": known["Conversation"]}
    id: str = (await client.make("createAutoApprovalRule", "autoApprovalRule", **values))["id"]
    await client.make("updateAutoApprovalRule", "autoApprovalRule", id=id, ignoreCase=True)
    return {"ASK": id}


ROWS = {"ToolExecution": executions, "KnownTool": known_tools, "AutoApprovalRule": rules}
NEW = {"ToolExecution": execution_in}
