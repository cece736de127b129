"""The sums that users look at equal a recount, whatever happens in whatever order, by several writers at once."""

from __future__ import annotations

import asyncio
import datetime
import random
from dataclasses import dataclass, field

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.rows import differences
from tests.kit.runtime import acting_as
from tests.kit.serving import Client

WRITERS = 4
STEPS = 40


@dataclass(slots=True)
class Writer:
    """Does random things to conversations and messages that all writers share."""

    client: Client
    chance: random.Random
    conversations: list[str]
    messages: list[str]
    done: dict[str, int] = field(default_factory=dict)

    async def run(self, steps: int) -> None:
        """So many random steps. One that another writer has made impossible is refused, which is fine."""
        kinds = ["add"] * 4 + ["edit"] * 2 + ["delete"] * 2 + ["restore"] * 2 + ["use"] * 3
        for _ in range(steps):
            kind = self.chance.choice(kinds) if self.messages else "add"
            if await getattr(self, f"_{kind}")():
                self.done[kind] = self.done.get(kind, 0) + 1

    async def _add(self) -> bool:
        payload = await self.client.mutate(
            "addMessage",
            "message { id }",
            conversationId=self.chance.choice(self.conversations),
            role=self.chance.choice(["USER", "ASSISTANT"]),
            content="Hello",
            **self._figures(),
        )
        if payload["message"]:
            self.messages.append(payload["message"]["id"])
        return bool(payload["message"])

    async def _edit(self) -> bool:
        figures: dict[str, int | None] = {**self._figures()} or {"tokenCount": None}
        return await self._did("updateMessage", "message", id=self._message(), **figures)

    async def _delete(self) -> bool:
        return await self._did("deleteMessage", "message", id=self._message())

    async def _restore(self) -> bool:
        return await self._did("restoreMessage", "message", id=self._message())

    async def _use(self) -> bool:
        where = {"conversationId": self.chance.choice(self.conversations)} if self.chance.random() < 0.8 else {}
        given = {"provider": "openai", "model": "gpt-4o-mini", "inputTokens": self.chance.randrange(1000)}
        cost = str(self.chance.randrange(10_000) / 1_000_000)
        return await self._did("recordUsage", "usageLog", **given, **where, outputTokens=7, costUsd=cost)

    async def _did(self, mutation: str, of: str, **values: object) -> bool:
        return not (await self.client.mutate(mutation, f"{of} {{ id }}", **values))["userErrors"]

    def _message(self) -> str:
        return self.chance.choice(self.messages)

    def _figures(self) -> dict[str, int]:
        figures = {"tokenCount": self.chance.randrange(100), "processingMs": self.chance.randrange(5000)}
        return {name: figure for name, figure in figures.items() if self.chance.random() < 0.6}


@pytest.mark.parametrize("seed", range(3))
async def test_sums_equal_a_recount_after_random_work_of_four_writers(
    user: Client, superuser: asyncpg.Connection, seed: int
) -> None:
    conversations = [(await user.make("createConversation", "conversation"))["id"] for _ in range(2)]
    messages: list[str] = []
    writers = [Writer(user, random.Random(seed * 10 + n), conversations, messages) for n in range(WRITERS)]  # noqa: S311
    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.run(STEPS))
    for kind in ("add", "edit", "delete", "restore", "use"):
        assert sum(writer.done.get(kind, 0) for writer in writers), f"nobody did {kind}"
    assert await differences(superuser) == []


async def test_sums_of_days_equal_a_recount_when_lines_come_late(
    user: Client, superuser: asyncpg.Connection, database: Database
) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    now = datetime.datetime.now(datetime.UTC)
    async with acting_as(database, user.user_id) as runtime:
        for days in (0, 1, 1, 2, 0, 40, 1):
            await runtime.execute(
                "INSERT INTO usage_logs (user_id, conversation_id, provider, model, input_tokens, cost_usd, created_at)"
                " VALUES (tenant(), $1, 'openai', 'gpt-4o-mini', 10, 0.000001, $2)",
                conversation,
                now - datetime.timedelta(days=days),
            )
    assert await differences(superuser) == []
    found = await user.data("{ viewer { usage { requests } usageDays { nodes { requests conversations } } } }")
    assert [day["requests"] for day in found["viewer"]["usageDays"]["nodes"]] == [2, 3, 1, 1]
    assert [day["conversations"] for day in found["viewer"]["usageDays"]["nodes"]] == [1, 1, 1, 1]
    assert found["viewer"]["usage"]["requests"] == 7


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE conversations SET message_count = message_count + 1 WHERE user_id = $1",
        "UPDATE conversations SET usage_cost_usd = usage_cost_usd + 0.000001 WHERE user_id = $1",
        "UPDATE conversations SET last_message_id = NULL WHERE user_id = $1",
        "UPDATE conversations SET positive_feedback = positive_feedback + 1 WHERE user_id = $1",
        "UPDATE usage_days SET conversations = 9 WHERE user_id = $1",
        "DELETE FROM usage_days WHERE user_id = $1",
        "UPDATE usage_day_parts SET reasoning_tokens = 1 WHERE user_id = $1",
        "UPDATE usage_day_parts SET model = 'other' WHERE user_id = $1",
        "DELETE FROM usage_day_parts WHERE user_id = $1",
        "UPDATE usage_quarter_hours SET cost_usd = cost_usd + 0.000001 WHERE user_id = $1",
        "UPDATE usage_quarter_hours SET begins_at = begins_at + interval '1 us' WHERE user_id = $1",
        "DELETE FROM usage_quarter_hours WHERE user_id = $1",
        "DELETE FROM messages WHERE user_id = $1",
        "DELETE FROM changes WHERE user_id = $1",
    ],
    ids=lambda damage: " ".join(damage.split()[:5]),
)
async def test_a_recount_notices_damage(user: Client, superuser: asyncpg.Connection, damage: str) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    await user.make("addMessage", "message", conversationId=conversation, role="USER", content="Hello")
    await user.make("recordUsage", "usageLog", conversationId=conversation, provider="openai", model="gpt-4o-mini")
    assert await differences(superuser) == []
    transaction = superuser.transaction()
    await transaction.start()
    try:
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(damage, user.user_id)
        assert await differences(superuser) != []
    finally:
        await transaction.rollback()
