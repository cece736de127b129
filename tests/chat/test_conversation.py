"""Conversations: settings, folders, pins, archives, deletion, lists, branches, and their changes as they happen."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.kit.serving import Client, first

LISTED = """query($filter: ConversationFilter, $order: ConversationOrder) { viewer {
    conversations(filter: $filter, orderBy: $order) { totalCount nodes { title } } } }"""


async def _made(user: Client, **values: Any) -> str:
    id: str = (await user.make("createConversation", "conversation", **values))["id"]
    return id


async def _say(user: Client, conversation: str, content: str, **values: Any) -> str:
    given = {"conversationId": conversation, "role": "USER", "content": content, **values}
    id: str = (await user.make("addMessage", "message", **given))["id"]
    return id


async def _titles(user: Client, order: str | None = None, **filter: Any) -> list[str]:
    found = (await user.data(LISTED, filter=filter, order=order))["viewer"]["conversations"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["title"] for node in found["nodes"]]


async def _conversation(user: Client, id: str, selection: str) -> Any:
    found = await user.data(f"query($id: ID!) {{ conversation(id: $id) {{ {selection} }} }}", id=id)
    return found["conversation"]


async def test_a_new_conversation_has_usual_settings(user: Client) -> None:
    selection = (
        "title provider model systemPrompt temperature maxTokens contextWindow isPinned isArchived isAutoArchived"
        " maxMessages folder metadata autoApprovalSettings messageCount lastMessage { id } lastMessageAt messageTokens"
        " averageResponseMs deletedAt usage { requests inputTokens outputTokens totalTokens costUsd }"
    )
    assert await user.make("createConversation", "conversation", selection) == {
        "title": None,
        "provider": "openai",
        "model": "gpt-4o-mini",
        "systemPrompt": None,
        "temperature": 0.7,
        "maxTokens": None,
        "contextWindow": 8192,
        "isPinned": False,
        "isArchived": False,
        "isAutoArchived": False,
        "maxMessages": 1000,
        "folder": None,
        "metadata": {},
        "autoApprovalSettings": {},
        "messageCount": 0,
        "lastMessage": None,
        "lastMessageAt": None,
        "messageTokens": 0,
        "averageResponseMs": None,
        "deletedAt": None,
        "usage": {"requests": 0, "inputTokens": 0, "outputTokens": 0, "totalTokens": 0, "costUsd": "0"},
    }


async def test_an_update_changes_what_is_given_and_nothing_else(user: Client) -> None:
    id = await _made(user, title="Before", folder="Work", metadata={"colour": "red"})
    made = await user.make(
        "updateConversation",
        "conversation",
        "title folder metadata isPinned temperature",
        id=id,
        title="After",
        folder=None,
        isPinned=True,
    )
    assert made == {
        "title": "After",
        "folder": None,
        "metadata": {"colour": "red"},
        "isPinned": True,
        "temperature": 0.7,
    }


async def test_an_update_without_a_value_is_refused(user: Client) -> None:
    payload = await user.mutate("updateConversation", "conversation { id }", id=await _made(user))
    assert [error["code"] for error in payload["userErrors"]] == ["INVALID"]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": "x" * 501}, "title"),
        ({"provider": ""}, "provider"),
        ({"provider": None}, "provider"),
        ({"temperature": 2.1}, "temperature"),
        ({"maxTokens": 0}, "maxTokens"),
        ({"contextWindow": 0}, "contextWindow"),
        ({"maxMessages": 0}, "maxMessages"),
        ({"folder": ""}, "folder"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"x": "y" * 100_000}}, "metadata"),
        ({"autoApprovalSettings": "all"}, "autoApprovalSettings"),
        ({"systemPrompt": "x" * 100_001}, "systemPrompt"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_bad_value_is_refused_by_name_and_changes_nothing(
    user: Client, values: dict[str, Any], field: str
) -> None:
    id = await _made(user, title="Talk")
    before = await _conversation(user, id, "title version")
    payload = await user.mutate("updateConversation", "conversation { id }", id=id, **values)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("INVALID", [field])]
    assert await _conversation(user, id, "title version") == before


@pytest.mark.parametrize("mutation", ["updateConversation", "deleteConversation", "restoreConversation"])
async def test_an_older_version_is_refused_with_what_is_there(user: Client, mutation: str) -> None:
    id = await _made(user, title="First")
    if mutation == "restoreConversation":
        await user.make("deleteConversation", "conversation", id=id)
    values = {"title": "Mine"} if mutation == "updateConversation" else {}
    for version in (0, (await _conversation(user, id, "version"))["version"] + 1):
        payload = await user.mutate(mutation, "conversation { title }", id=id, expectedVersion=version, **values)
        assert payload["conversation"] == {"title": "First"}
        assert [(e["code"], e["field"]) for e in payload["userErrors"]] == [("CONFLICT", ["expectedVersion"])]
    version = (await _conversation(user, id, "version"))["version"]
    made = await user.make(mutation, "conversation", "version", id=id, expectedVersion=version, **values)
    assert made["version"] > version


async def test_a_deleted_conversation_leaves_the_lists_and_comes_back_whole(user: Client) -> None:
    id = await _made(user, title="Gone")
    await _made(user, title="Here")
    await _say(user, id, "Hello")
    deleted = await user.make("deleteConversation", "conversation", "deletedAt version", id=id)
    assert deleted["deletedAt"] is not None
    assert await _titles(user) == ["Here"]
    assert (await _conversation(user, id, "title messageCount")) == {"title": "Gone", "messageCount": 1}
    assert await user.make("deleteConversation", "conversation", "deletedAt version", id=id) == deleted

    payload = await user.mutate("updateConversation", "conversation { title }", id=id, title="Other")
    assert payload["conversation"] == {"title": "Gone"}
    assert [(e["code"], e["field"], e["message"]) for e in payload["userErrors"]] == [
        ("CONFLICT", ["id"], "This conversation is deleted.")
    ]
    payload = await user.mutate("addMessage", "message { id }", conversationId=id, role="USER", content="Hello?")
    assert [(e["code"], e["field"]) for e in payload["userErrors"]] == [("NOT_FOUND", ["conversationId"])]

    restored = await user.make("restoreConversation", "conversation", "deletedAt version", id=id)
    assert restored["deletedAt"] is None
    assert await user.make("restoreConversation", "conversation", "deletedAt version", id=id) == restored
    assert await _titles(user, "NEWEST") == ["Here", "Gone"]
    found = await _conversation(user, id, "messageCount messages { nodes { content } }")
    assert found == {"messageCount": 1, "messages": {"nodes": [{"content": "Hello"}]}}


async def test_the_inbox_is_in_the_order_of_the_last_message(user: Client) -> None:
    ids = {title: await _made(user, title=title) for title in ("one", "two", "three")}
    assert await _titles(user) == ["three", "two", "one"]
    await _say(user, ids["one"], "Hello")
    await _say(user, ids["two"], "Hello")
    assert await _titles(user) == ["two", "one", "three"]
    assert await _titles(user, "LAST_ACTIVITY") == ["two", "one", "three"]
    assert await _titles(user, "NEWEST") == ["three", "two", "one"]
    assert await _titles(user, "OLDEST") == ["one", "two", "three"]


async def test_a_list_is_narrowed_by_pin_archive_folder_and_model(user: Client) -> None:
    await _made(user, title="a", isPinned=True, folder="Work", provider="anthropic", model="claude-sonnet-4-5")
    await _made(user, title="b", isArchived=True, folder="Work")
    await _made(user, title="c", folder="Home")
    await _made(user, title="d")
    assert await _titles(user, isPinned=True) == ["a"]
    assert await _titles(user, isPinned=False) == ["d", "c", "b"]
    assert await _titles(user, isArchived=True) == ["b"]
    assert await _titles(user, folder=["Work"]) == ["b", "a"]
    assert await _titles(user, folder=["Work", "Home"]) == ["c", "b", "a"]
    assert await _titles(user, folder=[]) == []
    assert await _titles(user, provider=["anthropic"], model=["claude-sonnet-4-5"]) == ["a"]
    assert await _titles(user, folder=["Work"], isArchived=False) == ["a"]
    assert await _titles(user, isPinned=None) == ["d", "c", "b", "a"]


async def test_titles_are_found_by_what_they_contain_word_for_word(user: Client) -> None:
    for title in ("100% sure", "100 sure", "snake_case", "snakeXcase", r"back\slash", "backslash", "ÄRGER", "it's"):
        await _made(user, title=title)
    await _made(user)
    assert await _titles(user, titleContains="100%") == ["100% sure"]
    assert await _titles(user, titleContains="e_c") == ["snake_case"]
    assert await _titles(user, titleContains="k\\s") == ["back\\slash"]
    assert await _titles(user, titleContains="ärger") == ["ÄRGER"]
    assert await _titles(user, titleContains="SURE") == ["100 sure", "100% sure"]
    assert await _titles(user, titleContains="'") == ["it's"]
    assert len(await _titles(user, titleContains="")) == 8


async def test_a_list_from_a_time_on_includes_that_time(user: Client) -> None:
    ids = [await _made(user, title=str(n)) for n in range(3)]
    time = (await _conversation(user, ids[1], "activeAt"))["activeAt"]
    assert await _titles(user, activeFrom=time) == ["2", "1"]


async def test_a_conversation_archives_itself_at_its_most_messages(user: Client) -> None:
    id = await _made(user, maxMessages=2)
    for n in range(2):
        await _say(user, id, f"m{n}")
    assert await _conversation(user, id, "isArchived isAutoArchived") == {"isArchived": False, "isAutoArchived": False}
    await _say(user, id, "one too many")
    assert await _conversation(user, id, "isArchived isAutoArchived") == {"isArchived": True, "isAutoArchived": True}


ARCHIVE = "isArchived isAutoArchived maxMessages"


async def _filled(user: Client, messages: int, **values: Any) -> str:
    id = await _made(user, **values)
    for number in range(messages):
        await _say(user, id, f"number {number}")
    return id


async def test_taken_back_out_of_the_archive_it_stays_out(user: Client) -> None:
    id = await _filled(user, 3, maxMessages=2)
    back = await user.make("updateConversation", "conversation", ARCHIVE, id=id, isArchived=False)
    assert back == {"isArchived": False, "isAutoArchived": False, "maxMessages": None}
    await _say(user, id, "One more.")
    assert await _conversation(user, id, ARCHIVE) == back


@pytest.mark.parametrize(
    ("messages", "archived", "given", "limit"),
    [
        (3, {}, {"maxMessages": 10}, 10),
        (3, {}, {"maxMessages": None}, None),
        (1, {"isArchived": True}, {}, 2),
        (2, {"isArchived": True}, {}, None),
        (3, {"isArchived": True}, {}, None),
    ],
    ids=["given another", "given none", "not full", "full", "full since it was archived"],
)
async def test_only_a_limit_that_the_next_message_would_break_is_lifted(
    user: Client, messages: int, archived: dict[str, Any], given: dict[str, Any], limit: int | None
) -> None:
    id = await _filled(user, messages if not archived else 1, maxMessages=2)
    if archived:
        await user.make("updateConversation", "conversation", id=id, **archived)
        for _ in range(messages - 1):
            await _say(user, id, "Still here.")
    back = await user.make("updateConversation", "conversation", ARCHIVE, id=id, isArchived=False, **given)
    assert back == {"isArchived": False, "isAutoArchived": False, "maxMessages": limit}
    await _say(user, id, "One more.")
    assert (await _conversation(user, id, "isArchived"))["isArchived"] is False


async def test_the_archive_and_a_change_besides_leave_each_other_alone(user: Client) -> None:
    id = await _filled(user, 3, maxMessages=2)
    for values in ({"title": "Kept"}, {"isArchived": True}):
        await user.make("updateConversation", "conversation", id=id, **values)
        assert await _conversation(user, id, ARCHIVE) == {"isArchived": True, "isAutoArchived": True, "maxMessages": 2}


async def test_messages_branch_and_tell_their_parent_and_their_replies(user: Client) -> None:
    id = await _made(user)
    question = await _say(user, id, "Which name?")
    for name in ("Halcyon", "Parley"):
        await _say(user, id, name, role="ASSISTANT", parentId=question)
    found = await _conversation(
        user, id, "messages { nodes { content parent { content } replies { nodes { content } } } }"
    )
    assert found["messages"]["nodes"] == [
        {
            "content": "Which name?",
            "parent": None,
            "replies": {"nodes": [{"content": "Halcyon"}, {"content": "Parley"}]},
        },
        {"content": "Halcyon", "parent": {"content": "Which name?"}, "replies": {"nodes": []}},
        {"content": "Parley", "parent": {"content": "Which name?"}, "replies": {"nodes": []}},
    ]


async def test_a_branch_cannot_leave_its_conversation(user: Client) -> None:
    elsewhere = await _say(user, await _made(user), "Hello")
    given = {"conversationId": await _made(user), "role": "USER", "content": "Hello", "parentId": elsewhere}
    payload = await user.mutate("addMessage", "message { id }", **given)
    assert [(e["code"], e["field"]) for e in payload["userErrors"]] == [("NOT_FOUND", ["parentId"])]


async def test_the_last_message_follows_deletion_and_restoration(user: Client) -> None:
    id = await _made(user)
    messages = [await _say(user, id, content, tokenCount=2) for content in ("one", "two")]
    selection = "messageCount messageTokens lastMessage { content }"
    both = {"messageCount": 2, "messageTokens": 4, "lastMessage": {"content": "two"}}
    assert await _conversation(user, id, selection) == both
    await user.make("deleteMessage", "message", id=messages[1])
    one = {"messageCount": 1, "messageTokens": 2, "lastMessage": {"content": "one"}}
    assert await _conversation(user, id, selection) == one
    await user.make("deleteMessage", "message", id=messages[0])
    none = {"messageCount": 0, "messageTokens": 0, "lastMessage": None}
    assert await _conversation(user, id, selection) == none
    for message in messages:
        await user.make("restoreMessage", "message", id=message)
    assert await _conversation(user, id, selection) == both


async def test_each_change_of_a_conversation_reaches_a_subscriber(user: Client) -> None:
    other = await user.data("{ viewer { feedCursor } }")
    async with user.socket() as socket:
        events = await socket.subscribe(
            "subscription($after: Cursor) { conversationChanged(after: $after)"
            " { cursor op conversation { id title } } }",
            after=other["viewer"]["feedCursor"],
        )
        id = await _made(user, title="One")
        await user.make("updateConversation", "conversation", id=id, title="Two")
        await user.make("deleteConversation", "conversation", id=id)
        await user.make("restoreConversation", "conversation", id=id)
        got = [event["conversationChanged"] for event in await first(events, 4)]
    assert [event["op"] for event in got] == ["CREATED", "UPDATED", "DELETED", "RESTORED"]
    assert {event["conversation"]["id"] for event in got} == {id}
    assert got[-1]["conversation"]["title"] == "Two"
    async with user.socket() as socket:
        events = await socket.subscribe(
            "subscription($after: Cursor) { conversationChanged(after: $after) { cursor op } }", after=got[1]["cursor"]
        )
        missed = [event["conversationChanged"] for event in await first(events, 2)]
    assert missed == [{"cursor": event["cursor"], "op": event["op"]} for event in got[2:]]


async def test_changes_of_messages_are_narrowed_to_a_conversation(user: Client) -> None:
    ids = [await _made(user), await _made(user)]
    async with user.socket() as socket:
        events = await socket.subscribe(
            'subscription($id: ID) { messageChanged(conversationId: $id, after: "1.0") { op message { content } } }',
            id=ids[1],
        )
        for id in ids:
            message = await _say(user, id, f"Hello {ids.index(id)}")
            await user.make("updateMessage", "message", id=message, content=f"Good day {ids.index(id)}")
        got = [event["messageChanged"] for event in await first(events, 2)]
    assert [event["op"] for event in got] == ["CREATED", "UPDATED"]
    assert got[-1]["message"] == {"content": "Good day 1"}


async def test_a_strangers_conversation_is_not_there(user: Client, stranger: Client) -> None:
    id = await _made(user, title="Mine")
    assert await _conversation(stranger, id, "title") is None
    for mutation, values in (("updateConversation", {"title": "Yours"}), ("deleteConversation", {})):
        payload = await stranger.mutate(mutation, "conversation { id }", id=id, **values)
        assert payload["conversation"] is None
        assert [(e["code"], e["field"]) for e in payload["userErrors"]] == [("NOT_FOUND", ["id"])]
    payload = await stranger.mutate("createConversation", "conversation { title }", id=id, title="Yours")
    assert payload["conversation"] == {"title": "Yours"}, "ids of two users never meet"
    assert (await _conversation(user, id, "title")) == {"title": "Mine"}


async def test_a_conversation_sent_again_makes_nothing_new(user: Client) -> None:
    given = {"id": str(uuid.uuid4()), "title": "Once", "metadata": {"a": [1, None]}, "temperature": 0.1}
    made = await user.make("createConversation", "conversation", "id version", **given)
    assert await user.make("createConversation", "conversation", "id version", **given) == made
    assert await _titles(user) == ["Once"]
