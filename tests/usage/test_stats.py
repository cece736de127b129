"""The statistics of a user, which equal what the user's lists contain."""

from __future__ import annotations

from typing import Any

from tests.kit.serving import Client

STATS = """
{ viewer { createdAt stats {
    conversations messages attachments totalTokens costUsd lastMessageAt userSince
} } }
"""


async def test_a_new_user_has_nothing(user: Client) -> None:
    viewer = (await user.data(STATS))["viewer"]
    assert viewer["stats"] == {
        "conversations": 0,
        "messages": 0,
        "attachments": 0,
        "totalTokens": 0,
        "costUsd": "0",
        "lastMessageAt": None,
        "userSince": viewer["createdAt"],
    }


async def test_what_is_deleted_does_not_count_but_its_usage_does(user: Client, stranger: Client) -> None:
    conversations = [(await user.make("createConversation", "conversation"))["id"] for _ in range(3)]
    messages = []
    for number, conversation in enumerate(conversations, start=1):
        values = {"conversationId": conversation, "role": "USER", "content": "Hello"}
        messages += [await user.make("addMessage", "message", "id createdAt", **values) for _ in range(number)]
        used: dict[str, Any] = {"provider": "openai", "model": "gpt-4o-mini", "inputTokens": 10, "outputTokens": number}
        await user.make("recordUsage", "usageLog", conversationId=conversation, costUsd="0.25", **used)
    await user.make("deleteConversation", "conversation", id=conversations[2])
    await user.make("deleteMessage", "message", id=messages[2]["id"])
    stats = (await user.data(STATS))["viewer"]["stats"]
    assert (stats["conversations"], stats["messages"], stats["lastMessageAt"]) == (2, 2, messages[1]["createdAt"])
    assert (stats["totalTokens"], stats["costUsd"]) == (36, "0.75")
    await user.make("restoreConversation", "conversation", id=conversations[2])
    stats = (await user.data(STATS))["viewer"]["stats"]
    assert (stats["conversations"], stats["messages"], stats["lastMessageAt"]) == (3, 5, messages[5]["createdAt"])
    assert (await stranger.data(STATS))["viewer"]["stats"]["messages"] == 0


async def test_statistics_take_one_statement_and_join_no_list(user: Client) -> None:
    user.statements.texts.clear()
    await user.data("{ viewer { stats { messages totalTokens } } }")
    (of_user, stats) = user.statements.texts
    assert "FROM users" in of_user
    assert "FROM messages" not in stats
    assert "FROM usage_logs" not in stats
