"""What a user owns: at least one row of every type, with a word in each text that must never reach anybody else."""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from graphql import GraphQLInterfaceType, GraphQLSchema

from tests.rows import ids_in, rows_of
from tests.serving import PASSWORD, Client, Serving

MOVES = {
    "PENDING": (),
    "APPROVED": ("approve",),
    "EXECUTING": ("approve", "start"),
    "COMPLETED": ("approve", "start", "complete"),
    "FAILED": ("approve", "start", "fail"),
    "CANCELLED": ("cancel",),
}
"""How a tool execution gets to each status."""


@dataclass(slots=True)
class Estate:
    """A user and all that is theirs."""

    client: Client
    canary: str
    """A word that is in every text of theirs."""
    email: str
    ids: dict[str, list[str]] = field(default_factory=dict)
    """The ids of what they own, by type."""
    executions: dict[str, str] = field(default_factory=dict)
    """A tool execution in each status."""

    @property
    def user_id(self) -> str:
        assert self.client.user_id is not None
        return self.client.user_id


async def make_estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    """A new user who owns something of every type."""
    canary = f"canary{secrets.token_hex(6)}"
    email = f"{canary}@example.org"
    client = await serving.signed_up(email=email, fullName=canary, deviceId=canary, deviceName=canary)
    estate = Estate(client, canary, email)
    await furnish(estate)
    await take_stock(estate, superuser)
    return estate


async def furnish(estate: Estate) -> None:
    """Make at least one row of every type, through the API. A new type is added here."""
    word = estate.canary
    make = estate.client.make
    conversation = (
        await make(
            "createConversation",
            "conversation",
            **{key: word for key in ("title", "provider", "model", "systemPrompt", "folder", "clientSession")},
            metadata={"note": word},
            autoApprovalSettings={"note": word},
        )
    )["id"]
    said = {"conversationId": conversation, "role": "USER", "content": word, "model": word, "finishReason": word}
    json = {"images": [word], "files": [word], "providerMetadata": {"note": word}}
    message = (await make("addMessage", "message", **said, **json))["id"]
    await make("addMessage", "message", **said, parentId=message)
    for status in MOVES:
        estate.executions[status] = await make_execution(estate.client, status, message, word)
    await make(
        "recordContextOptimization",
        "contextOptimization",
        conversationId=conversation,
        triggerReason="AUTO",
        optimizationType="SUMMARIZATION",
        tokensBefore=2,
        tokensAfter=1,
        summary=word,
        affectedMessageIds=[message],
    )
    texts = {key: word for key in ("provider", "model", "automation", "purpose")}
    await make("recordUsage", "usageLog", conversationId=conversation, messageId=message, costUsd="0.5", **texts)


async def make_execution(client: Client, status: str, message: str, word: str = "word") -> str:
    """A tool execution that was brought to a status."""
    values = {"messageId": message, "toolName": word, "parameters": {"note": word}}
    id: str = (await client.make("proposeToolExecution", "toolExecution", **values))["id"]
    for move in MOVES[status]:
        more: dict[str, Any] = {"errorMessage": word} if move == "fail" else {}
        more |= {"result": {"note": word}} if move in ("complete", "fail") else {}
        await client.make(f"{move}ToolExecution", "toolExecution", id=id, reason=word, **more)
    return id


async def take_stock(estate: Estate, superuser: asyncpg.Connection) -> None:
    """Find all that the user owns, and what type the API says it is."""
    found = defaultdict(list)
    ids = ids_in(await rows_of(superuser, estate.user_id))
    for start in range(0, len(ids), 100):
        operation = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
        for node in (await estate.client.data(operation, ids=ids[start : start + 100]))["nodes"]:
            if node is not None:
                found[node["__typename"]].append(node["id"])
    # What a list of ids begins with is the oldest: the first conversation is that of the first message.
    estate.ids = {name: sorted(ids) for name, ids in found.items()}
    estate.ids["ToolExecution"] = list(estate.executions.values())


def types_of_rows(schema: GraphQLSchema) -> set[str]:
    """The names of all types that a user can own a row of."""
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    return {each.name for each in schema.get_possible_types(node)}


async def signed_in_again(serving: Serving, estate: Estate) -> Client:
    """The same user on another device."""
    client = serving.anonymous()
    wanted = "accessToken refreshToken"
    payload = await client.mutate("signIn", wanted, email=estate.email, password=PASSWORD)
    assert payload["userErrors"] == []
    client.token, client.refresh_token, client.user_id = payload["accessToken"], payload["refreshToken"], estate.user_id
    return client
