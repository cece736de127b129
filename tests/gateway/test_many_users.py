"""Many users at the same time at one gateway, whose statements go to the database together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.serving import Serving, serving_on


async def test_many_users_add_messages_through_one_gateway(serving: Serving) -> None:
    users = [await serving.signed_up() for _ in range(8)]
    conversations = [await user.make("createConversation", "conversation", title="t") for user in users]

    async def add(n: int) -> dict[str, Any]:
        user, conversation = users[n % 8], conversations[n % 8]
        return await user.make(
            "addMessage",
            "message",
            "id content conversation { id messageCount }",
            conversationId=conversation["id"],
            role="USER",
            content=f"{n} of {user.user_id}",
        )

    added = await asyncio.gather(*(add(n) for n in range(160)))
    assert [one["content"] for one in added] == [f"{n} of {users[n % 8].user_id}" for n in range(160)]
    for user, conversation in zip(users, conversations, strict=True):
        shown = await user.data(
            "query($id: ID!) { conversation(id: $id) { messages(first: 50) { nodes { id seq } } } }",
            id=conversation["id"],
        )
        nodes = shown["conversation"]["messages"]["nodes"]
        assert [node["seq"] for node in nodes] == list(range(1, 21))
        own = {one["id"] for one in added if one["conversation"]["id"] == conversation["id"]}
        assert {node["id"] for node in nodes} == own
    pipelines = serving.gateway.resources.pipelines
    assert pipelines is not None
    assert pipelines.writes.statements > pipelines.writes.transactions > 0


@pytest.mark.parametrize(
    ("field", "of", "table", "values"),
    [
        ("createConversation", "conversation", "conversations", {"title": "t"}),
        ("proposeToolExecution", "toolExecution", "tool_executions", {"toolName": "run"}),
        ("recordUsage", "usageLog", "usage_logs", {"provider": "p", "model": "m", "inputTokens": 1}),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_what_many_users_make_at_once_is_each_their_own(
    serving: Serving, superuser: asyncpg.Connection, field: str, of: str, table: str, values: dict[str, Any]
) -> None:
    users = [await serving.signed_up() for _ in range(6)]
    conversations = [(await user.make("createConversation", "conversation"))["id"] for user in users]
    pipelines = serving.gateway.resources.pipelines
    assert pipelines is not None
    before = pipelines.writes.statements

    async def make(n: int) -> str:
        within = {} if field in ("createConversation", "recordUsage") else {"conversationId": conversations[n % 6]}
        return str((await users[n % 6].make(field, of, **values, **within))["id"])

    ids = await asyncio.gather(*(make(n) for n in range(60)))
    assert pipelines.writes.statements > before
    for number, user in enumerate(users):
        told = await superuser.fetch(
            "SELECT entity_id::text, version FROM changes WHERE user_id = $1 AND entity = $2 AND op = 'insert'"
            " ORDER BY version",
            UUID(user.user_id),
            table,
        )
        assert {row["entity_id"] for row in told} - {conversations[number]} == {*ids[number::6]}
        version = await superuser.fetchval("SELECT version FROM feeds WHERE user_id = $1", UUID(user.user_id))
        total = await superuser.fetchval("SELECT count(*) FROM changes WHERE user_id = $1", UUID(user.user_id))
        assert version == total, "the feed has no gap"


async def test_operator_may_have_each_statement_go_by_itself(database: Database, tmp_path: Path) -> None:
    async with serving_on(database, tmp_path, pipelining=False) as serving:
        assert serving.gateway.resources.pipelines is None
        users = [await serving.signed_up() for _ in range(6)]
        made = await asyncio.gather(*(user.make("createConversation", "conversation", title="t") for user in users))
    assert len({one["id"] for one in made}) == 6
