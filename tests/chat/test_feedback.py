"""Feedback on messages, as a client sees it, and its counts in the conversation."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.kit.rows import unchanged
from tests.kit.serving import Client, first

COUNTS = "conversation { positiveFeedback negativeFeedback neutralFeedback version }"
FEEDBACK = "id version type comment reasons deletedAt"
CHANGED = """
subscription($in: ID!, $after: Cursor!) {
    messageFeedbackChanged(conversationId: $in, after: $after) { op messageFeedback { type } }
}
"""
OF_MESSAGE = f"query($id: ID!) {{ message(id: $id) {{ feedback {{ {FEEDBACK} }} {COUNTS} }} }}"


async def answers(user: Client, count: int = 1) -> tuple[str, list[str]]:
    """A conversation and messages of the assistant in it."""
    conversation = (await user.make("createConversation", "conversation"))["id"]
    values = {"conversationId": conversation, "role": "ASSISTANT", "content": "42"}
    return conversation, [(await user.make("addMessage", "message", **values))["id"] for _ in range(count)]


async def give(user: Client, message: str, kind: str = "POSITIVE", **values: Any) -> dict[str, Any]:
    """Set the feedback of a message."""
    return await user.make("setMessageFeedback", "messageFeedback", FEEDBACK, messageId=message, type=kind, **values)


async def counts(user: Client, conversation: str) -> tuple[int, int, int]:
    """The positive, negative and neutral feedback of a conversation."""
    fields = "positiveFeedback negativeFeedback neutralFeedback"
    found = await user.data(f"query($id: ID!) {{ conversation(id: $id) {{ {fields} }} }}", id=conversation)
    return tuple(found["conversation"].values())


async def test_feedback_is_set_replaced_and_removed(user: Client) -> None:
    conversation, (message,) = await answers(user)
    made = await give(user, message, "NEGATIVE", comment="Half of it is wrong", reasons=["wrong", "slow"])
    assert (made["type"], made["comment"], made["reasons"]) == ("NEGATIVE", "Half of it is wrong", ["wrong", "slow"])
    assert await counts(user, conversation) == (0, 1, 0)
    replaced = await give(user, message, "POSITIVE")
    assert replaced["id"] == made["id"]
    assert (replaced["type"], replaced["comment"], replaced["reasons"]) == ("POSITIVE", None, [])
    assert await counts(user, conversation) == (1, 0, 0)
    for _ in range(2):
        without = await user.make("removeMessageFeedback", "message", f"feedback {{ id }} {COUNTS}", messageId=message)
        assert without["feedback"] is None
        assert without["conversation"]["positiveFeedback"] == 0
    assert (await user.data("query($id: ID!) { node(id: $id) { id } }", id=made["id"]))["node"] is None


async def test_feedback_that_is_sent_again_changes_nothing(user: Client, superuser: asyncpg.Connection) -> None:
    _, (message,) = await answers(user)
    made = await give(user, message, comment="Good", reasons=["fast"])
    async with unchanged(superuser, user.user_id):
        assert await give(user, message, comment="Good", reasons=["fast"]) == made
    _, (another,) = await answers(user)
    async with unchanged(superuser, user.user_id):
        await user.make("removeMessageFeedback", "message", messageId=another)


async def test_feedback_that_is_sent_at_once_is_one(user: Client) -> None:
    conversation, (message,) = await answers(user)
    kinds = ["POSITIVE", "NEGATIVE", "NEUTRAL"] * 3
    made = await asyncio.gather(*(give(user, message, kind) for kind in kinds))
    assert len({each["id"] for each in made}) == 1
    assert sum(await counts(user, conversation)) == 1
    found = (await user.data(OF_MESSAGE, id=message))["message"]
    assert found["conversation"][f"{found['feedback']['type'].lower()}Feedback"] == 1


async def test_feedback_comes_and_goes_with_its_message(user: Client) -> None:
    conversation, messages = await answers(user, 3)
    for message, kind in zip(messages, ("POSITIVE", "POSITIVE", "NEUTRAL"), strict=True):
        await give(user, message, kind)
    listed = "query($type: [FeedbackType!]) { viewer { messageFeedback(filter: {type: $type}) { nodes { type } } } }"
    deleted = await user.make("deleteMessage", "message", "deletedAt", id=messages[1])
    assert await counts(user, conversation) == (1, 0, 1)
    gone = (await user.data(OF_MESSAGE, id=messages[1]))["message"]["feedback"]
    assert gone["deletedAt"] == deleted["deletedAt"]
    found = await user.data(listed, type=["POSITIVE", "NEUTRAL"])
    assert [each["type"] for each in found["viewer"]["messageFeedback"]["nodes"]] == ["NEUTRAL", "POSITIVE"]
    await user.make("restoreMessage", "message", id=messages[1])
    assert await counts(user, conversation) == (2, 0, 1)
    found = await user.data(listed, type=["POSITIVE"])
    assert len(found["viewer"]["messageFeedback"]["nodes"]) == 2


async def test_a_deleted_conversation_keeps_its_counts_and_its_version(user: Client) -> None:
    conversation, messages = await answers(user, 3)
    for message in messages:
        await give(user, message)
    await user.make("deleteMessage", "message", id=messages[0])
    for mutation in ("deleteConversation", "restoreConversation"):
        seen = await user.make(mutation, "conversation", "version positiveFeedback", id=conversation)
        assert seen["positiveFeedback"] == 2
        found = await user.data("query($id: ID!) { conversation(id: $id) { version } }", id=conversation)
        assert found["conversation"]["version"] == seen["version"]
        assert await counts(user, conversation) == (2, 0, 0)
    await user.make("restoreMessage", "message", id=messages[0])
    assert await counts(user, conversation) == (3, 0, 0)


async def test_changes_of_feedback_and_of_its_counts_are_told(user: Client) -> None:
    conversation, (message,) = await answers(user)
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    await give(user, message, "NEUTRAL")
    await give(user, message, "NEUTRAL", comment="Hm")
    await user.make("removeMessageFeedback", "message", messageId=message)
    async with user.socket() as socket:
        events = await socket.subscribe(CHANGED, **{"in": conversation, "after": cursor})
        seen = [event["messageFeedbackChanged"] for event in await first(events, 3)]
    # Each event shows the object as it is now.
    assert seen == [{"op": op, "messageFeedback": None} for op in ("CREATED", "UPDATED", "DELETED")]
    told = (
        "subscription($after: Cursor!) { conversationChanged(after: $after) { op conversation { neutralFeedback } } }"
    )
    async with user.socket() as socket:
        events = await socket.subscribe(told, after=cursor)
        changes = [event["conversationChanged"] for event in await first(events, 2)]
    assert changes == [{"op": "UPDATED", "conversation": {"neutralFeedback": 0}}] * 2


@pytest.mark.parametrize("role", ["USER", "SYSTEM", "TOOL"])
async def test_only_the_assistant_gets_feedback(user: Client, role: str) -> None:
    conversation, _ = await answers(user)
    values = {"conversationId": conversation, "role": role, "content": "Hello"}
    message = (await user.make("addMessage", "message", **values))["id"]
    payload = await user.mutate("setMessageFeedback", messageId=message, type="POSITIVE")
    assert payload["userErrors"] == [
        {"code": "CONFLICT", "field": ["messageId"], "message": "Only messages of the assistant can have feedback."}
    ]


async def test_agents_react_but_give_no_feedback(user: Client) -> None:
    _, (message,) = await answers(user)
    agent = await user.agent("messages:write")
    for call in (
        "setMessageFeedback(input: {messageId: $id, type: POSITIVE})",
        "removeMessageFeedback(input: {messageId: $id})",
    ):
        answer = await agent.run(f"mutation($id: ID!) {{ {call} {{ userErrors {{ code }} }} }}", id=message)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]
    reaction = await agent.make("addReaction", "messageReaction", "actor", messageId=message, emoji="🤖")
    assert reaction == {"actor": "AGENT"}


async def test_feedback_names_what_is_wrong_with_it(user: Client) -> None:
    _, (message,) = await answers(user)
    wrong: dict[str, Any] = {"comment": "x" * 4001, "reasons": ["fine", "y" * 51]}
    payload = await user.mutate("setMessageFeedback", messageId=message, type="NEGATIVE", **wrong)
    assert {(error["code"], ".".join(error["field"])) for error in payload["userErrors"]} == {
        ("INVALID", "comment"),
        ("INVALID", "reasons.1"),
    }
    assert (await user.data(OF_MESSAGE, id=message))["message"]["feedback"] is None


async def test_feedback_notes_the_session_that_gave_it(user: Client, stranger: Client) -> None:
    _, (message,) = await answers(user)
    await give(user, message)
    found = await user.data("{ viewer { messageFeedback { nodes { session { isCurrent } message { id } } } } }")
    (given,) = found["viewer"]["messageFeedback"]["nodes"]
    assert given == {"session": {"isCurrent": True}, "message": {"id": message}}
    payload = await stranger.mutate("setMessageFeedback", messageId=message, type="POSITIVE")
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("NOT_FOUND", ["messageId"])]
