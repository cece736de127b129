"""A statement selects the columns that the operation reads, and no others."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.kit.serving import Client

TOKENS = ("input", "output", "cached_input", "cache_write_input", "reasoning")


async def _columns(user: Client, table: str, operation: str, **variables: Any) -> set[str]:
    """The columns that an operation selects from a table, of all its statements."""
    user.statements.texts.clear()
    await user.data(operation, **variables)
    selects = rf"SELECT (?:1 AS link_ordinal, )?(t\.[^*]*?)\nFROM {table} AS t\n"
    lists = [re.search(selects, text, re.DOTALL) for text in user.statements.texts]
    found = [set(re.findall(r"t\.(\w+)", match[1])) for match in lists if match]
    assert found, "\n\n".join(user.statements.texts)
    return set().union(*found)


@pytest.mark.parametrize(
    ("selection", "columns"),
    [
        ("nodes { title }", {"title"}),
        ("nodes { id }", {"id"}),
        ("nodes { __typename }", {"id"}),
        ("edges { node { title } }", {"title"}),
        ("nodes { title } edges { cursor node { model } }", {"title", "model", "active_since", "id"}),
        ("edges { cursor }", {"active_since", "id"}),
        ("pageInfo { endCursor }", {"active_since", "id"}),
        ("nodes { shown: title }", {"title"}),
        (
            "nodes { ... { title } ... on Conversation { model } ... on Node { version } }",
            {"title", "model", "version"},
        ),
        ("nodes { ...Shown }", {"title", "folder"}),
        ("nodes { title @include(if: $yes) }", {"title"}),
        ("nodes { lastMessage { content } }", {"last_message_id"}),
        ("nodes { messages { nodes { seq } } }", {"id"}),
        ("nodes { averageResponseMs }", {"response_count", "response_ms"}),
        (
            "nodes { usage { costUsd } }",
            {"usage_requests", "usage_cost_usd", *(f"usage_{name}_tokens" for name in TOKENS)},
        ),
        ("nodes { createdAt updatedAt }", {"created_at", "updated_at"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_page_selects_what_is_read_and_for_cursors_what_orders_it(
    user: Client, selection: str, columns: set[str]
) -> None:
    await user.make("createConversation", "conversation", title="Talk", systemPrompt="Be brief.")
    fragment = "fragment Shown on Conversation { title ...More } fragment More on Conversation { folder }"
    used = fragment if "...Shown" in selection else ""
    variable = "($yes: Boolean = true)" if "$yes" in selection else ""
    operation = f"query{variable} {{ viewer {{ conversations {{ {selection} }} }} }} {used}"
    assert await _columns(user, "conversations", operation) == columns


async def test_rows_are_not_read_to_be_counted(user: Client) -> None:
    await user.make("createConversation", "conversation", title="Talk")
    user.statements.texts.clear()
    found = await user.data("{ viewer { conversations { totalCount __typename } } }")
    assert found["viewer"]["conversations"]["totalCount"] > 0
    (statement,) = user.statements.texts
    assert "count(*)" in statement


async def test_a_list_of_titles_never_reads_a_system_prompt(user: Client) -> None:
    await user.data("{ viewer { conversations { nodes { title } } } }")
    assert not any("system_prompt" in text for text in user.statements.texts[-2:])


async def test_an_object_by_its_id_selects_what_is_read(user: Client) -> None:
    id = (await user.make("createConversation", "conversation"))["id"]
    by_id = "query($id: ID!) { conversation(id: $id) { title } }"
    assert await _columns(user, "conversations", by_id, id=id) == {"id", "title"}
    node = "query($id: ID!) { node(id: $id) { ... on Conversation { model } ... on Message { content } } }"
    assert await _columns(user, "conversations", node, id=id) == {"id", "model"}


async def test_the_keys_of_links_are_selected_without_being_asked_for(user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    given = {"conversationId": conversation, "role": "USER", "content": "Hello"}
    id = (await user.make("addMessage", "message", **given))["id"]
    operation = "query($id: ID!) { message(id: $id) { conversation { title } parent { seq } } }"
    assert await _columns(user, "messages", operation, id=id) == {"id", "conversation_id", "parent_id"}


async def test_two_places_that_read_other_columns_of_one_type_do_not_mix(user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    given = {"conversationId": conversation, "role": "USER", "content": "Hello"}
    await user.make("addMessage", "message", **given)
    operation = "query($id: ID!) { conversation(id: $id) { lastMessage { content } messages { nodes { role } } } }"
    user.statements.texts.clear()
    await user.data(operation, id=conversation)
    lists = [text for text in user.statements.texts if "FROM messages AS t" in text]
    assert ["content" in text for text in lists] == [True, False]
    assert ["role" in text for text in lists] == [False, True]
