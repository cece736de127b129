"""Context optimizations: what was saved, and which messages it touched."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.kit.rows import NO_ROW
from tests.kit.serving import Client

KIND = {"triggerReason": "TOKEN_LIMIT", "optimizationType": "SUMMARIZATION"}
COUNTS = {"tokensBefore": 7600, "tokensAfter": 1900}


async def _thread(user: Client, messages: int = 5) -> tuple[str, list[str]]:
    """A conversation and its messages."""
    conversation = (await user.make("createConversation", "conversation"))["id"]
    given: dict[str, Any] = {"conversationId": conversation, "role": "USER"}
    ids = [(await user.make("addMessage", "message", **given, content=f"m{n}"))["id"] for n in range(messages)]
    return conversation, ids


async def test_an_optimization_says_what_it_saved_and_which_messages_it_touched(user: Client) -> None:
    conversation, messages = await _thread(user)
    made = await user.make(
        "recordContextOptimization",
        "contextOptimization",
        "triggerReason optimizationType tokensBefore tokensAfter tokensSaved summary"
        " conversation { id } affectedMessages { totalCount nodes { seq content } }",
        conversationId=conversation,
        summary="They counted.",
        affectedMessageIds=[messages[2], messages[0], messages[2]],
        **KIND,
        **COUNTS,
    )
    assert made == {
        **KIND,
        **COUNTS,
        "tokensSaved": 5700,
        "summary": "They counted.",
        "conversation": {"id": conversation},
        "affectedMessages": {
            "totalCount": 2,
            "nodes": [{"seq": 1, "content": "m0"}, {"seq": 3, "content": "m2"}],
        },
    }
    listed = await user.data(
        "query($id: ID!) { conversation(id: $id) { contextOptimizations { nodes { tokensSaved } } messageCount } }",
        id=conversation,
    )
    assert listed["conversation"] == {"contextOptimizations": {"nodes": [{"tokensSaved": 5700}]}, "messageCount": 5}


async def test_affected_messages_are_paged_in_their_order(user: Client) -> None:
    conversation, messages = await _thread(user, 7)
    given: dict[str, Any] = {"conversationId": conversation, **KIND, **COUNTS, "affectedMessageIds": messages[::-1]}
    id = (await user.make("recordContextOptimization", "contextOptimization", **given))["id"]
    page = "affectedMessages(first: 3, after: $after) { nodes { seq } pageInfo { hasNextPage endCursor } }"
    operation = f"query($id: ID!, $after: Cursor) {{ node(id: $id) {{ ... on ContextOptimization {{ {page} }} }} }}"
    seen: list[int] = []
    page_info = {"hasNextPage": True, "endCursor": None}
    while page_info["hasNextPage"]:
        found = (await user.data(operation, id=id, after=page_info["endCursor"]))["node"]["affectedMessages"]
        seen += [node["seq"] for node in found["nodes"]]
        page_info = found["pageInfo"]
    assert seen == [1, 2, 3, 4, 5, 6, 7]


async def test_a_record_sent_again_makes_nothing_new(user: Client) -> None:
    conversation, messages = await _thread(user, 2)
    given: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "conversationId": conversation,
        **KIND,
        **COUNTS,
        "affectedMessageIds": messages,
    }
    selection = "id version affectedMessages { totalCount }"
    made = await user.make("recordContextOptimization", "contextOptimization", selection, **given)
    assert await user.make("recordContextOptimization", "contextOptimization", selection, **given) == made
    other = {**given, "tokensAfter": 1}
    payload = await user.mutate("recordContextOptimization", "contextOptimization { tokensAfter }", **other)
    assert payload["contextOptimization"] == {"tokensAfter": 1900}
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["id"])]


async def test_a_message_of_another_conversation_is_refused_and_nothing_is_kept(user: Client) -> None:
    conversation, messages = await _thread(user, 1)
    _, others = await _thread(user, 1)
    given: dict[str, Any] = {
        "conversationId": conversation,
        **KIND,
        **COUNTS,
        "affectedMessageIds": [*messages, *others],
    }
    payload = await user.mutate("recordContextOptimization", "contextOptimization { id }", **given)
    assert [(e["code"], e["field"]) for e in payload["userErrors"]] == [("INVALID", ["affectedMessageIds"])]
    counted = "query($id: ID!) { conversation(id: $id) { contextOptimizations { totalCount } } }"
    found = await user.data(counted, id=conversation)
    assert found["conversation"]["contextOptimizations"]["totalCount"] == 0


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"conversationId": NO_ROW}, "NOT_FOUND", "conversationId"),
        ({"conversationId": "7"}, "INVALID", "conversationId"),
        ({"tokensBefore": -1}, "INVALID", "tokensBefore"),
        ({"tokensAfter": -1}, "INVALID", "tokensAfter"),
        ({"summary": "x" * 262_145}, "INVALID", "summary"),
        ({"affectedMessageIds": ["7"]}, "INVALID", "affectedMessageIds"),
        ({"affectedMessageIds": [NO_ROW]}, "INVALID", "affectedMessageIds"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_bad_record_is_refused_by_name(user: Client, values: dict[str, Any], code: str, field: str) -> None:
    conversation, _ = await _thread(user, 0)
    given: dict[str, Any] = {"conversationId": conversation, **KIND, **COUNTS, **values}
    payload = await user.mutate("recordContextOptimization", "contextOptimization { id }", **given)
    assert payload["contextOptimization"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, [field])]


async def test_a_deleted_message_is_not_among_the_affected_until_it_is_restored(user: Client) -> None:
    conversation, messages = await _thread(user, 2)
    given: dict[str, Any] = {"conversationId": conversation, **KIND, **COUNTS, "affectedMessageIds": messages}
    id = (await user.make("recordContextOptimization", "contextOptimization", **given))["id"]
    operation = (
        "query($id: ID!) { node(id: $id) { ... on ContextOptimization { affectedMessages { nodes { seq } } } } }"
    )
    await user.make("deleteMessage", "message", id=messages[0])
    assert (await user.data(operation, id=id))["node"]["affectedMessages"]["nodes"] == [{"seq": 2}]
    await user.make("restoreMessage", "message", id=messages[0])
    assert (await user.data(operation, id=id))["node"]["affectedMessages"]["nodes"] == [{"seq": 1}, {"seq": 2}]
