"""Lists of messages: they leave what the same messages leave one by one, and reach each subscriber."""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import Any

import asyncpg
import pytest

from tests.kit.rows import differences
from tests.kit.serving import Client, Serving, first

STATE = """
{ viewer { conversations { nodes {
  title messageCount messageTokens averageResponseMs isArchived isAutoArchived maxMessages lastMessage { content }
  messages(first: 200) { nodes { seq role content status tokenCount model parent { seq } } }
} } } }
"""


async def conversation(user: Client, **values: Any) -> str:
    id: str = (await user.make("createConversation", "conversation", **values))["id"]
    return id


async def added(user: Client, items: list[dict[str, Any]], selection: str = "id seq") -> list[Any]:
    payload = await user.mutate("addMessages", f"messages {{ {selection} }}", items=items)
    assert payload["userErrors"] == []
    messages: list[Any] = payload["messages"]
    return messages


def drawn(chance: random.Random, conversations: int) -> list[dict[str, Any]]:
    """Random messages, with the number of their conversation, and of an earlier message of it as their parent."""
    messages: list[dict[str, Any]] = []
    for number in range(chance.randint(1, 12)):
        chosen = chance.randrange(conversations)
        values: dict[str, Any] = {
            "in": chosen,
            "role": chance.choice(["USER", "ASSISTANT"]),
            "content": f"text {number}",
        }
        if chance.random() < 0.5:
            values |= {"tokenCount": chance.randrange(50), "model": "m", "processingMs": chance.randrange(9)}
        if chance.random() < 0.2:
            values |= {"role": "ASSISTANT", "content": "", "status": "STREAMING"}
        earlier = [n for n, each in enumerate(messages) if each["in"] == chosen]
        if earlier and chance.random() < 0.4:
            values["parent"] = chance.choice(earlier)
        messages.append(values)
    return messages


def as_items(messages: list[dict[str, Any]], conversations: list[str]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for message in messages:
        values = {name: value for name, value in message.items() if name not in ("in", "parent")}
        parent = {"parentId": items[message["parent"]]["id"]} if "parent" in message else {}
        items.append({**values, **parent, "id": str(uuid.uuid4()), "conversationId": conversations[message["in"]]})
    return items


@pytest.mark.parametrize("seed", range(12))
async def test_a_list_leaves_what_the_same_messages_leave_one_by_one(
    serving: Serving, superuser: asyncpg.Connection, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311
    limits = [chance.choice([None, 3, 6]) for _ in range(3)]
    lists = [drawn(chance, len(limits)) for _ in range(3)]
    states = []
    for together in (True, False):
        user = await serving.signed_up()
        conversations = [
            await conversation(user, title=f"number {n}", maxMessages=limit) for n, limit in enumerate(limits)
        ]
        for messages in lists:
            items = as_items(messages, conversations)
            for group in [items] if together else [[item] for item in items]:
                if together:
                    await added(user, group)
                else:
                    await user.make("addMessage", "message", **group[0])
        states.append(await user.data(STATE))
    assert states[0] == states[1]
    assert await differences(superuser) == []


async def test_a_list_is_numbered_without_gaps_beside_other_writers(user: Client) -> None:
    at = await conversation(user)
    item = {"conversationId": at, "role": "USER", "content": "x"}
    await asyncio.gather(
        *(added(user, [item] * 5) for _ in range(4)), *(user.make("addMessage", "message", **item) for _ in range(5))
    )
    text = "query($id: ID!) { conversation(id: $id) { messageCount messages { nodes { seq } } } }"
    found = (await user.data(text, id=at))["conversation"]
    assert found["messageCount"] == 25
    assert [node["seq"] for node in found["messages"]["nodes"]] == list(range(1, 26))


@pytest.mark.parametrize("subscribes_first", [True, False])
async def test_each_message_of_a_list_reaches_a_subscriber_in_order(user: Client, subscribes_first: bool) -> None:
    at, other = await conversation(user), await conversation(user)
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    text = """
    subscription($id: ID, $after: Cursor) {
      messageAdded(conversationId: $id, after: $after) { message { content } }
    }"""
    items = [{"conversationId": other if n % 3 == 2 else at, "role": "USER", "content": str(n)} for n in range(45)]
    async with user.socket() as socket:
        if not subscribes_first:
            await added(user, items)
        events = await socket.subscribe(text, id=at, after=cursor)
        if subscribes_first:
            await added(user, items)
        received = [event["messageAdded"]["message"]["content"] for event in await first(events, 30)]
    assert received == [str(n) for n in range(45) if n % 3 != 2]


async def test_a_parent_must_come_before_its_reply(user: Client) -> None:
    at, ids = await conversation(user), [str(uuid.uuid4()) for _ in range(2)]
    values = {"conversationId": at, "role": "USER", "content": "x"}
    items = [{**values, "id": ids[0], "parentId": ids[1]}, {**values, "id": ids[1], "parentId": ids[0]}]
    payload = await user.mutate("addMessages", "messages { id }", items=items)
    assert payload["messages"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
        ("NOT_FOUND", ["items", "0", "parentId"]),
        ("NOT_FOUND", ["items", "1", "parentId"]),
    ]
    found = await user.data("query($id: ID!) { conversation(id: $id) { messageCount } }", id=at)
    assert found["conversation"]["messageCount"] == 0


async def test_a_reply_to_a_deleted_message_is_refused(user: Client) -> None:
    at = await conversation(user)
    values = {"conversationId": at, "role": "USER", "content": "x"}
    (gone,) = await added(user, [values])
    await user.make("deleteMessage", "message", id=gone["id"])
    payload = await user.mutate("addMessages", "messages { id }", items=[values, {**values, "parentId": gone["id"]}])
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [
        ("NOT_FOUND", ["items", "1", "parentId"])
    ]


async def test_every_mistake_of_every_item_is_told(user: Client) -> None:
    at = await conversation(user)
    valid = {"conversationId": at, "role": "USER", "content": "x"}
    wrong = {**valid, "content": " ", "tokenCount": -1, "relevanceScore": 2.0}
    items = [wrong, valid, {**valid, "conversationId": "none"}, {**valid, "model": ""}]
    payload = await user.mutate("addMessages", "messages { content }", items=items, partial=True)
    assert payload["messages"] == [None, {"content": "x"}, None, None]
    assert [(error["code"], ".".join(error["field"])) for error in payload["userErrors"]] == [
        ("INVALID", "items.0.content"),
        ("INVALID", "items.0.relevanceScore"),
        ("INVALID", "items.0.tokenCount"),
        ("INVALID", "items.2.conversationId"),
        ("INVALID", "items.3.model"),
    ]
