"""What the benchmark asks of each server: the same data, as GraphQL and as a plain path of the hand-written one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request. `variables` makes those of the n-th request from the ids of the caller's conversations."""

    name: str
    operation: str
    variables: Callable[[Sequence[str], int], dict[str, Any]]
    requests: int
    """How many make a round."""


def _none(conversations: Sequence[str], n: int) -> dict[str, Any]:
    return {}


def _one(conversations: Sequence[str], n: int) -> dict[str, Any]:
    return {"id": conversations[n % len(conversations)]}


WORKLOADS = (
    Workload(
        "point",
        "query Point($id: ID!) { conversation(id: $id) { id title model messageCount } }",
        _one,
        400,
    ),
    Workload(
        "inbox",
        "query Inbox { viewer { conversations(first: 20) { nodes {"
        " id title model messageCount activeAt lastMessage { role content createdAt } } } } }",
        _none,
        150,
    ),
    Workload(
        "thread",
        "query Thread($id: ID!) { conversation(id: $id) { messages(first: 50) { nodes {"
        " id seq role content createdAt toolExecutions { nodes { id toolName status } } } } } }",
        _one,
        100,
    ),
    Workload(
        "wide",
        "query Wide { viewer { conversations(first: 50) { nodes { id title messages(first: 20) { nodes {"
        " id seq role content createdAt toolExecutions { nodes { id toolName status } } } } } } } }",
        _none,
        4,
    ),
    Workload(
        "add message",
        'mutation Add($id: ID!) { addMessage(input: { conversationId: $id, role: USER, content: "Hello there" }) {'
        " message { id seq createdAt } userErrors { message } } }",
        _one,
        200,
    ),
)
