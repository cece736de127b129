"""Usage by provider, model, automation and so on equals what plain Python adds up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg
import pytest

from tests.kit.rows import differences
from tests.kit.serving import Client
from tests.usage.entries import TOTALS, exact, summed

GROUP = f"key {TOTALS}"
BY = (
    "query($by: UsageDimension!, $from: Date, $before: Date)"
    f" {{ viewer {{ usageBy(dimension: $by, from: $from, before: $before) {{ {GROUP} }} }} }}"
)
OF_CONVERSATIONS = (
    "query($by: UsageDimension!)"
    f" {{ viewer {{ conversations {{ nodes {{ id usageBy(dimension: $by) {{ {GROUP} }} }} }} }} }}"
)
ENTRY = (
    "id createdAt provider model automation purpose usedOwnApiKey apiKeyId inputTokens outputTokens cachedInputTokens"
    " cacheWriteInputTokens reasoningTokens costUsd conversation { id }"
)

Key = Callable[[Mapping[str, Any]], str | None]

KEYS: dict[str, Key] = {
    "PROVIDER": lambda entry: entry["provider"],
    "MODEL": lambda entry: entry["model"],
    "AUTOMATION": lambda entry: entry["automation"],
    "PURPOSE": lambda entry: entry["purpose"],
    "API_KEY": lambda entry: entry["apiKeyId"],
    "OWN_KEY": lambda entry: str(entry["usedOwnApiKey"]).lower(),
    "DAY": lambda entry: entry["createdAt"][:10],
}


def made_up(chance: random.Random, conversations: list[str], keys: list[str]) -> dict[str, Any]:
    """The input of a random entry."""
    input, output = chance.randrange(1000), chance.randrange(1000)
    key = chance.choice([None, None, *keys])
    values: dict[str, Any] = {
        "provider": "openai" if key else chance.choice(["openai", "anthropic"]),
        "model": chance.choice(["a", "b", "B", "é"]),
        "automation": chance.choice([None, "nightly", "hourly"]),
        "purpose": chance.choice([None, "chat", "titles"]),
        "usedOwnApiKey": chance.random() < 0.5,
        "inputTokens": input,
        "outputTokens": output,
        "cachedInputTokens": chance.randrange(input + 1) // 2,
        "cacheWriteInputTokens": chance.randrange(input + 1) // 2,
        "reasoningTokens": chance.randrange(output + 1),
        "conversationId": chance.choice([None, *conversations]),
        "apiKeyId": key,
    }
    return values | ({"costUsd": f"0.{chance.randrange(10**6):06}"} if chance.random() < 0.8 else {})


async def work(user: Client, chance: random.Random, conversations: list[str], keys: list[str]) -> list[dict[str, Any]]:
    """Record entries, one by one and many at a time."""
    entries: list[dict[str, Any]] = []
    for _ in range(12):
        if chance.random() < 0.6:
            entries.append(await user.make("recordUsage", "usageLog", ENTRY, **made_up(chance, conversations, keys)))
        else:
            items = [made_up(chance, conversations, keys) for _ in range(chance.randrange(1, 12))]
            made: Any = await user.make("recordUsages", "usageLogs", ENTRY, items=items)
            entries.extend(made)
    return entries


async def provider_key(user: Client, name: str) -> str:
    """Store an API key and return its id."""
    values = {"provider": "openai", "keyName": name, "apiKey": "sk-0123456789abcdef"}
    id: str = (await user.make("createProviderKey", "providerKey", **values))["id"]
    return id


@pytest.mark.parametrize("seed", range(2))
async def test_groups_equal_a_sum_after_random_work_of_four_writers(
    user: Client, superuser: asyncpg.Connection, seed: int
) -> None:
    conversations = [(await user.make("createConversation", "conversation"))["id"] for _ in range(3)]
    keys = [await provider_key(user, f"key {n}") for n in range(2)]
    writers = [work(user, random.Random(seed * 10 + n), conversations, keys) for n in range(4)]  # noqa: S311
    entries = [entry for made in await asyncio.gather(*writers) for entry in made]
    assert len(entries) > 100
    await user.make("deleteConversation", "conversation", id=conversations[0])
    assert await differences(superuser) == []
    (total,) = summed(entries, lambda _: None)
    (viewer,) = (await user.data(f"{{ viewer {{ usage {{ {TOTALS} }} stats {{ totalTokens costUsd }} }} }}")).values()
    assert exact([viewer["usage"]]) == [{name: figure for name, figure in total.items() if name != "key"}]
    assert exact([viewer["stats"]]) == [{name: total[name] for name in ("totalTokens", "costUsd")}]
    for by, key in KEYS.items():
        found = (await user.data(BY, by=by))["viewer"]["usageBy"]
        assert exact(found) == summed(entries, key), by
        listed = (await user.data(OF_CONVERSATIONS, by=by))["viewer"]["conversations"]["nodes"]
        assert {node["id"] for node in listed} == set(conversations[1:])
        for node in listed:
            own = [entry for entry in entries if entry["conversation"] and entry["conversation"]["id"] == node["id"]]
            assert exact(node["usageBy"]) == summed(own, key), by


async def test_groups_are_narrowed_to_days(user: Client) -> None:
    made = await user.make("recordUsage", "usageLog", ENTRY, provider="openai", model="a", costUsd="1")
    day = made["createdAt"][:10]
    assert [group["key"] for group in (await user.data(BY, by="DAY", **{"from": day}))["viewer"]["usageBy"]] == [day]
    assert (await user.data(BY, by="DAY", before=day))["viewer"]["usageBy"] == []
    assert (await user.data(BY, by="MODEL", **{"from": "2999-01-01"}))["viewer"]["usageBy"] == []


async def test_the_most_expensive_groups_are_returned(user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    items = [
        {"provider": "openai", "model": f"m{n:03}", "costUsd": str(n), "conversationId": conversation}
        for n in range(205)
    ]
    for some in (items[:100], items[100:200], items[200:]):
        await user.make("recordUsages", "usageLogs", items=some)
    expected = [f"m{n:03}" for n in range(204, 4, -1)]
    assert [group["key"] for group in (await user.data(BY, by="MODEL"))["viewer"]["usageBy"]] == expected
    (node,) = (await user.data(OF_CONVERSATIONS, by="MODEL"))["viewer"]["conversations"]["nodes"]
    assert [group["key"] for group in node["usageBy"]] == expected


async def test_groups_of_many_conversations_take_one_statement(user: Client) -> None:
    for _ in range(5):
        conversation = (await user.make("createConversation", "conversation"))["id"]
        await user.make("recordUsage", "usageLog", provider="openai", model="a", conversationId=conversation)
    user.statements.texts.clear()
    await user.data(OF_CONVERSATIONS, by="MODEL")
    assert sum("FROM usage_logs" in text for text in user.statements.texts) == 1


async def test_a_stranger_sees_no_groups(user: Client, stranger: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    await user.make("recordUsage", "usageLog", provider="openai", model="a", conversationId=conversation)
    assert (await stranger.data(BY, by="MODEL"))["viewer"]["usageBy"] == []
    operation = "query($id: ID!) { conversation(id: $id) { usageBy(dimension: MODEL) { key } } }"
    assert await stranger.data(operation, id=conversation) == {"conversation": None}
    assert (await user.data(operation, id=conversation))["conversation"]["usageBy"] == [{"key": "a"}]


async def test_usage_outlives_its_conversation(user: Client, superuser: asyncpg.Connection) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    given: dict[str, Any] = {
        "provider": "openai",
        "model": "a",
        "costUsd": "2",
        "cachedInputTokens": 1,
        "inputTokens": 3,
    }
    await user.make("recordUsage", "usageLog", conversationId=conversation, **given)
    before = (await user.data(BY, by="MODEL"))["viewer"]["usageBy"]
    await user.make("deleteConversation", "conversation", id=conversation)
    await user.mutate("purge", id=conversation)
    assert await user.data("query($id: ID!) { node(id: $id) { id } }", id=conversation) == {"node": None}
    assert (await user.data(BY, by="MODEL"))["viewer"]["usageBy"] == before
    assert await differences(superuser) == []


BY_KEY = "usageBy(dimension: API_KEY) { key requests apiKey { id keyName } }"


async def test_groups_of_keys_show_the_keys(user: Client, superuser: asyncpg.Connection) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    key = await provider_key(user, "Mine")
    given = {"provider": "openai", "model": "a", "conversationId": conversation}
    made = await user.make("recordUsage", "usageLog", "usedOwnApiKey", apiKeyId=key, costUsd="1", **given)
    assert made["usedOwnApiKey"]
    items = [{**given, "apiKeyId": key}, {**given, "usedOwnApiKey": False}]
    bulk: Any = await user.make("recordUsages", "usageLogs", "usedOwnApiKey", items=items)
    assert [entry["usedOwnApiKey"] for entry in bulk] == [True, False]
    operation = f"{{ viewer {{ {BY_KEY} conversations {{ nodes {{ {BY_KEY} }} }} }} }}"

    async def groups() -> list[dict[str, Any]]:
        viewer = (await user.data(operation))["viewer"]
        assert viewer["conversations"]["nodes"] == [{"usageBy": viewer["usageBy"]}]
        shown: list[dict[str, Any]] = viewer["usageBy"]
        return shown

    shown = {"key": key, "requests": 2, "apiKey": {"id": key, "keyName": "Mine"}}
    nobody = {"key": None, "requests": 1, "apiKey": None}
    assert await groups() == [shown, nobody]
    await user.make("deleteProviderKey", "providerKey", id=key)
    assert await groups() == [shown, nobody]
    assert await differences(superuser) == []


async def test_the_key_of_a_stranger_is_refused(user: Client, stranger: Client) -> None:
    theirs = await provider_key(stranger, "Theirs")
    payload = await user.mutate("recordUsage", "usageLog { id }", provider="openai", model="a", apiKeyId=theirs)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("NOT_FOUND", ["apiKeyId"])]


async def test_an_unknown_dimension_is_refused(user: Client) -> None:
    answer = await user.run("{ viewer { usageBy(dimension: COLOUR) { key } } }")
    assert "COLOUR" in answer["errors"][0]["message"]


async def test_groups_of_a_conversation_of_which_nothing_else_is_read(user: Client) -> None:
    """A tag proves that the conversation exists, so its row is not read."""
    conversation = (await user.make("createConversation", "conversation"))["id"]
    tag = (await user.make("createTag", "tag", name="Costly"))["id"]
    await user.make("addTags", "node", id=conversation, tagIds=[tag])
    call = {"provider": "openai", "model": "gpt-4o", "costUsd": "1", "conversationId": conversation}
    await user.make("recordUsage", "usageLog", **call)
    both = "usageBy(dimension: MODEL) { key } tags { nodes { id } }"
    found = (await user.data(f"query($id: ID!) {{ conversation(id: $id) {{ {both} }} }}", id=conversation))[
        "conversation"
    ]
    assert found == {"usageBy": [{"key": "gpt-4o"}], "tags": {"nodes": [{"id": tag}]}}


async def test_groups_of_a_conversation_that_is_reached_twice(user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    for content in ("One", "Other"):
        await user.make("addMessage", "message", conversationId=conversation, role="USER", content=content)
    call = {"provider": "openai", "model": "gpt-4o", "costUsd": "1", "conversationId": conversation}
    await user.make("recordUsage", "usageLog", **call)
    above = "messages { nodes { conversation { usageBy(dimension: MODEL) { key requests } } } }"
    found = await user.data(f"query($id: ID!) {{ conversation(id: $id) {{ {above} }} }}", id=conversation)
    each = [node["conversation"] for node in found["conversation"]["messages"]["nodes"]]
    assert each == [{"usageBy": [{"key": "gpt-4o", "requests": 1}]}] * 2
