"""Messages: numbering, idempotence, roll-ups, and what is refused."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from tests.kit.rows import NO_ROW
from tests.kit.serving import Client, first


async def _conversation(user: Client, **values: Any) -> str:
    id: str = (await user.make("createConversation", "conversation", **values))["id"]
    return id


async def test_messages_are_numbered_without_gaps(user: Client) -> None:
    conversation = await _conversation(user)
    await asyncio.gather(
        *(
            user.make("addMessage", "message", conversationId=conversation, role="USER", content=f"number {n}")
            for n in range(20)
        )
    )
    found = await user.data(
        "query($id: ID!) { conversation(id: $id) { messageCount messages { totalCount nodes { seq } } } }",
        id=conversation,
    )
    assert found["conversation"]["messageCount"] == 20
    assert [node["seq"] for node in found["conversation"]["messages"]["nodes"]] == list(range(1, 21))


async def test_the_same_message_sent_again_makes_nothing_new(user: Client) -> None:
    conversation = await _conversation(user)
    values = {"id": str(uuid.uuid4()), "conversationId": conversation, "role": "USER", "content": "once"}
    made = await user.make("addMessage", "message", "id seq version", **values)
    assert await user.make("addMessage", "message", "id seq version", **values) == made


async def test_a_taken_id_with_other_values_is_refused_with_what_is_there(user: Client) -> None:
    conversation = await _conversation(user)
    values = {"id": str(uuid.uuid4()), "conversationId": conversation, "role": "USER"}
    await user.make("addMessage", "message", **values, content="first")
    payload = await user.mutate("addMessage", "message { content }", **values, content="second")
    assert payload["message"] == {"content": "first"}
    assert [(e["code"], e["field"]) for e in payload["userErrors"]] == [("CONFLICT", ["id"])]


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"content": ""}, "INVALID", "content"),
        ({"content": " \n\t "}, "INVALID", "content"),
        ({"content": "x" * 1_000_000}, "INVALID", "content"),
        ({"conversationId": NO_ROW}, "NOT_FOUND", "conversationId"),
        ({"conversationId": "not a uuid"}, "INVALID", "conversationId"),
        ({"parentId": NO_ROW}, "NOT_FOUND", "parentId"),
        ({"id": "7"}, "INVALID", "id"),
        ({"tokenCount": -1}, "INVALID", "tokenCount"),
        ({"images": {}}, "INVALID", "images"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_bad_value_is_refused_by_name(user: Client, values: dict[str, Any], code: str, field: str) -> None:
    conversation = await _conversation(user)
    given = {"conversationId": conversation, "role": "USER", "content": "fine", **values}
    payload = await user.mutate("addMessage", "message { id }", **given)
    assert payload["message"] is None
    assert [(e["code"], e["field"]) for e in payload["userErrors"]] == [(code, [field])]
    counted = await user.data("query($id: ID!) { conversation(id: $id) { messageCount version } }", id=conversation)
    assert counted["conversation"]["messageCount"] == 0


async def test_each_added_message_reaches_a_subscriber(user: Client) -> None:
    conversation = await _conversation(user)
    async with user.socket() as socket:
        events = await socket.subscribe(
            "subscription($id: ID, $after: Cursor) "
            "{ messageAdded(conversationId: $id, after: $after) { message { seq content } } }",
            id=conversation,
            after="1.0",
        )
        for n in range(3):
            await user.make("addMessage", "message", conversationId=conversation, role="USER", content=f"m{n}")
        got = [event["messageAdded"]["message"] for event in await first(events, 3)]
    assert got == [{"seq": n + 1, "content": f"m{n}"} for n in range(3)]


@pytest.mark.parametrize("content", ["", " \n"])
@pytest.mark.parametrize("besides", ["images", "files"])
async def test_an_image_or_a_file_needs_no_text(user: Client, besides: str, content: str) -> None:
    said: dict[str, Any] = {"conversationId": await _conversation(user), "role": "USER", "content": content}
    made = await user.make("addMessage", "message", f"content {besides}", **said, **{besides: [{"id": "a"}]})
    assert made == {"content": content, besides: [{"id": "a"}]}
    payload = await user.mutate("addMessage", "message { id }", **said, **{besides: []})
    reason = "A user or system message needs text, images or files."
    assert payload["userErrors"] == [{"code": "INVALID", "field": ["content"], "message": reason}]


async def test_what_a_user_says_can_be_taken_back_as_long_as_something_else_is_said(user: Client) -> None:
    conversation = await _conversation(user)
    said: dict[str, Any] = {"conversationId": conversation, "role": "USER", "content": "Look:"}
    bare = (await user.make("addMessage", "message", **said))["id"]
    shown = (await user.make("addMessage", "message", **said, images=["a"]))["id"]
    assert await user.make("updateMessage", "message", "content", id=shown, content="") == {"content": ""}
    payload = await user.mutate("updateMessage", "message { id }", id=bare, content="")
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("INVALID", ["content"])]
