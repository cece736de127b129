"""What the benchmark asks of each server: the same data, as GraphQL and as a plain path of the hand-written one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.bench.data import Caller


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request."""

    name: str
    title: str
    operation: str
    """For every server with Parley's schema."""
    own: str
    """The same for PostGraphile, which makes its schema from the tables."""
    variables: Callable[[Caller, int], dict[str, Any]]
    """Those of a caller's n-th request. The handler by hand is sent the same."""
    expect: dict[str, int]
    """How often each of these fields is in an answer."""
    writes: bool = False


def _none(caller: Caller, n: int) -> dict[str, Any]:
    return {}


def _conversation(caller: Caller, n: int) -> dict[str, Any]:
    return {"id": str(caller.conversations[n % len(caller.conversations)])}


def _thread(caller: Caller, n: int) -> dict[str, Any]:
    return {"id": str(caller.threads[n % len(caller.threads)])}


_LIVE = "condition: { deletedAt: null }"
_TOOLS = "id toolName status createdAt"
_OWN_TOOLS = (
    f"toolExecutions(first: 50, orderBy: CREATED_AT_ASC, {_LIVE}) {{ nodes {{ id: rowId toolName status createdAt }} }}"
)

WORKLOADS = (
    Workload(
        "point",
        "point read",
        "query Point($id: ID!) { conversation(id: $id) { id title model messageCount } }",
        "query Point($id: UUID!, $user: UUID!) {"
        " conversation: conversationByUserIdAndRowId(userId: $user, rowId: $id) {"
        " id: rowId title model messageCount } }",
        _conversation,
        {"title": 1},
    ),
    Workload(
        "inbox",
        "inbox",
        "query Inbox { viewer { conversations(first: 20) { nodes {"
        " id title model messageCount activeAt lastMessage { role content createdAt } } } } }",
        "query Inbox { viewer: query {"
        f" conversations: allConversations(first: 20, orderBy: ACTIVE_SINCE_DESC, {_LIVE}) {{ nodes {{"
        " id: rowId title model messageCount activeAt lastMessage { role content createdAt } } } } }",
        _none,
        {"title": 20, "content": 20},
    ),
    Workload(
        "thread",
        "thread",
        "query Thread($id: ID!) { conversation(id: $id) { messages(first: 50) { nodes {"
        f" id seq role content createdAt toolExecutions {{ nodes {{ {_TOOLS} }} }} }} }} }} }}",
        "query Thread($id: UUID!, $user: UUID!) {"
        " conversation: conversationByUserIdAndRowId(userId: $user, rowId: $id) {"
        f" messages(first: 50, orderBy: SEQ_ASC, {_LIVE}) {{ nodes {{"
        f" id: rowId seq role content createdAt {_OWN_TOOLS} }} }} }} }}",
        _thread,
        {"content": 50, "toolName": 12},
    ),
    Workload(
        "wide",
        "wide",
        "query Wide { viewer { conversations(first: 50) { nodes { id title systemPrompt activeAt messages(first: 20)"
        " { nodes { id seq role content createdAt updatedAt"
        f" toolExecutions {{ nodes {{ {_TOOLS} }} }} }} }} }} }} }} }}",
        "query Wide { viewer: query {"
        f" conversations: allConversations(first: 50, orderBy: ACTIVE_SINCE_DESC, {_LIVE}) {{ nodes {{"
        f" id: rowId title systemPrompt activeAt messages(first: 20, orderBy: SEQ_ASC, {_LIVE}) {{ nodes {{"
        f" id: rowId seq role content createdAt updatedAt {_OWN_TOOLS} }} }} }} }} }} }}",
        _none,
        {"systemPrompt": 50, "content": 1000, "toolName": 250},
    ),
    Workload(
        "usage",
        "usage by day",
        "query Usage { viewer { usageDays(first: 30) { nodes {"
        " day requests inputTokens outputTokens totalTokens costUsd } } } }",
        "query Usage { viewer: query { usageDays: allUsageDays(first: 30, orderBy: DAY_DESC) { nodes {"
        " day requests inputTokens outputTokens totalTokens costUsd } } } }",
        _none,
        {"day": 30},
    ),
    Workload(
        "add",
        "add a message",
        'mutation Add($id: ID!) { addMessage(input: { conversationId: $id, role: USER, content: "Hello there" }) {'
        " message { id seq createdAt } userErrors { message } } }",
        "mutation Add($id: UUID!, $user: UUID!) { addMessage: createMessage(input: { message: {"
        ' userId: $user, conversationId: $id, role: "user", content: "Hello there" } }) {'
        " message { id: rowId seq createdAt } } }",
        _conversation,
        {"seq": 1},
        writes=True,
    ),
)
