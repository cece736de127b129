"""Sample rows for conversations and what lies in them, and a query that recounts the sums of conversations."""

from __future__ import annotations

from typing import Any

from tests.kit.samples import Known
from tests.kit.serving import Client

VALUES = {"types": ["Conversation"], "images": [], "files": [], "offset": 0, "emoji": ("👍", "🎉")}
VALUES["Conversation.autoApprovalSettings"] = ({"lowRiskOperations": True}, {"maxCostPerToolUsd": "0.5"})

BEGINS = {
    **dict.fromkeys(("appendMessage", "finishMessage", "cancelMessage", "setMessageFeedback"), "STREAMING"),
    "purge": "DELETED",
}


async def conversations(client: Client, known: Known, word: str) -> dict[str, str]:
    """Create a conversation."""
    texts: dict[str, Any] = dict.fromkeys(
        ("title", "provider", "model", "systemPrompt", "folder", "clientSession"), word
    )
    json: Any = {"metadata": {"note": word}, "autoApprovalSettings": {"lowRiskOperations": True}}
    return {"ACTIVE": (await client.make("createConversation", "conversation", **texts, **json))["id"]}


async def deleted_conversation(client: Client, known: Known, state: str) -> str:
    """Create a conversation that is in the trash."""
    assert state == "DELETED"
    id: str = (await client.make("createConversation", "conversation", title="Deleted"))["id"]
    await client.make("deleteConversation", "conversation", id=id)
    return id


async def messages(client: Client, known: Known, word: str) -> dict[str, str]:
    """Create a message with a reply, an empty streaming message, and one with appended text."""
    conversation = known["Conversation"]
    values: dict[str, Any] = {
        "conversationId": conversation,
        "role": "USER",
        "content": word,
        "model": word,
        "finishReason": word,
    }
    json: Any = {"images": [word], "files": [word], "providerMetadata": {"note": word}}
    message = (await client.make("addMessage", "message", **values, **json))["id"]
    await client.make("addMessage", "message", **values, parentId=message)
    growing = await streaming_message(client, known, "STREAMING")
    grown = (await client.make("startMessage", "message", conversationId=conversation, model=word))["id"]
    await client.make("appendMessage", "message", id=grown, offset=0, text=word * 100)
    return {"COMPLETE": message, "STREAMING": growing}


async def streaming_message(client: Client, known: Known, state: str) -> str:
    """Create a message that is still empty and can be appended to."""
    assert state == "STREAMING"
    id: str = (await client.make("startMessage", "message", conversationId=known["Conversation"]))["id"]
    return id


async def feedback(client: Client, known: Known, word: str) -> dict[str, str]:
    """Give feedback on a message of the assistant."""
    answer = {"conversationId": known["Conversation"], "role": "ASSISTANT", "content": word}
    message = (await client.make("addMessage", "message", **answer))["id"]
    values: dict[str, Any] = {"messageId": message, "type": "NEGATIVE", "comment": word, "reasons": [word]}
    await client.make("setMessageFeedback", "messageFeedback", **{**values, "type": "NEUTRAL"})
    return {"GIVEN": (await client.make("setMessageFeedback", "messageFeedback", **values))["id"]}


async def reactions(client: Client, known: Known, word: str) -> dict[str, str]:
    """React to a message."""
    values = {"messageId": known["Message"], "emoji": "❤️"}
    await client.make("addReaction", "messageReaction", **{**values, "emoji": "🎉"})
    return {"ADDED": (await client.make("addReaction", "messageReaction", **values))["id"]}


ROWS = {
    "Conversation": conversations,
    "Message": messages,
    "MessageFeedback": feedback,
    "MessageReaction": reactions,
}
NEW = {"Conversation": deleted_conversation, "Message": streaming_message}

CONVERSATIONS = """
SELECT c.id, kept, counted
FROM conversations AS c
CROSS JOIN LATERAL (
    SELECT
        count(*) AS rows, max(m.seq) AS last_seq,
        count(*) FILTER (WHERE m.deleted_at IS NULL) AS message_count,
        coalesce(sum(m.token_count) FILTER (WHERE m.deleted_at IS NULL), 0) AS tokens,
        count(m.processing_ms) FILTER (WHERE m.deleted_at IS NULL) AS responses,
        coalesce(sum(m.processing_ms) FILTER (WHERE m.deleted_at IS NULL), 0) AS milliseconds
    FROM messages AS m
    WHERE m.user_id = c.user_id AND m.conversation_id = c.id
) AS m
LEFT JOIN LATERAL (
    SELECT l.id, l.created_at
    FROM messages AS l
    WHERE l.user_id = c.user_id AND l.conversation_id = c.id AND l.deleted_at IS NULL
    ORDER BY l.seq DESC
    LIMIT 1
) AS l ON true
CROSS JOIN LATERAL (
    SELECT
        count(*) AS requests, coalesce(sum(input_tokens), 0) AS input, coalesce(sum(output_tokens), 0) AS output,
        coalesce(sum(cached_input_tokens), 0) AS cached, coalesce(sum(cache_write_input_tokens), 0) AS cache_write,
        coalesce(sum(reasoning_tokens), 0) AS reasoning, coalesce(sum(cost_usd), 0) AS cost
    FROM usage_logs AS u
    WHERE u.user_id = c.user_id AND u.conversation_id = c.id
) AS u
CROSS JOIN LATERAL (
    -- The numbers of removed messages are not given again.
    SELECT EXISTS (
        SELECT FROM changes AS ch
        WHERE ch.user_id = c.user_id AND ch.entity = 'messages' AND ch.op = 'purge'
            AND ch.data ->> 'conversation_id' = c.id::text
    ) AS some
) AS removed
CROSS JOIN LATERAL (
    SELECT
        jsonb_build_object(
            'last_seq', c.last_seq, 'rows', c.last_seq, 'message_count', c.message_count, 'tokens', c.message_tokens,
            'last_message_id', c.last_message_id, 'last_message_at', c.last_message_at, 'responses', c.response_count,
            'milliseconds', c.response_ms, 'requests', c.usage_requests, 'input', c.usage_input_tokens,
            'output', c.usage_output_tokens, 'cached', c.usage_cached_input_tokens,
            'cache_write', c.usage_cache_write_input_tokens, 'reasoning', c.usage_reasoning_tokens,
            'cost', c.usage_cost_usd) AS kept,
        jsonb_build_object(
            'last_seq', CASE WHEN removed.some THEN c.last_seq ELSE coalesce(m.last_seq, 0) END,
            'rows', CASE WHEN removed.some THEN c.last_seq ELSE m.rows END,
            'message_count', m.message_count, 'tokens', m.tokens, 'last_message_id', l.id,
            'last_message_at', l.created_at, 'responses', m.responses, 'milliseconds', m.milliseconds,
            'requests', u.requests, 'input', u.input, 'output', u.output, 'cached', u.cached,
            'cache_write', u.cache_write, 'reasoning', u.reasoning, 'cost', u.cost) AS counted
) AS both_ways
WHERE kept <> counted
"""

SUMS = [CONVERSATIONS]
