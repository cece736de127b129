"""Links: from one object to another, to none, to all, to a page, and through a table between."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from gateway.schema.fields.link_field import link_field
from gateway.schema.types.link import maybe
from tests.kit.serving import Client


@pytest_asyncio.fixture(loop_scope="module")
async def thread(user: Client) -> dict[str, str]:
    """A conversation with a question, an answer that branches from it, a tool, and an optimization of both."""
    ids = {"conversation": (await user.make("createConversation", "conversation", title="Talk"))["id"]}
    given = {"conversationId": ids["conversation"]}
    ids["question"] = (await user.make("addMessage", "message", **given, role="USER", content="Why?"))["id"]
    answer = {**given, "role": "ASSISTANT", "content": "Because.", "parentId": ids["question"]}
    ids["answer"] = (await user.make("addMessage", "message", **answer))["id"]
    tool = {"messageId": ids["answer"], "toolName": "look"}
    ids["tool"] = (await user.make("proposeToolExecution", "toolExecution", **tool))["id"]
    kind: dict[str, Any] = {
        "triggerReason": "AUTO",
        "optimizationType": "TRUNCATION",
        "tokensBefore": 2,
        "tokensAfter": 1,
    }
    affected: dict[str, Any] = {"affectedMessageIds": [ids["answer"], ids["question"]]}
    made = await user.make("recordContextOptimization", "contextOptimization", **given, **kind, **affected)
    return {**ids, "optimization": made["id"]}


async def _node(user: Client, id: str, of: str, selection: str) -> Any:
    found = await user.data(f"query($id: ID!) {{ node(id: $id) {{ ... on {of} {{ {selection} }} }} }}", id=id)
    return found["node"]


@pytest.mark.parametrize(
    ("name", "of", "selection", "expected"),
    [
        ("answer", "Message", "conversation { title }", {"conversation": {"title": "Talk"}}),
        ("answer", "Message", "parent { content }", {"parent": {"content": "Why?"}}),
        ("question", "Message", "parent { content }", {"parent": None}),
        ("question", "Message", "replies { nodes { content } }", {"replies": {"nodes": [{"content": "Because."}]}}),
        ("answer", "Message", "replies { nodes { content } }", {"replies": {"nodes": []}}),
        (
            "answer",
            "Message",
            "toolExecutions { nodes { toolName } }",
            {"toolExecutions": {"nodes": [{"toolName": "look"}]}},
        ),
        ("tool", "ToolExecution", "transitions { to }", {"transitions": [{"to": "PENDING"}]}),
        (
            "optimization",
            "ContextOptimization",
            "affectedMessages { nodes { content } }",
            {"affectedMessages": {"nodes": [{"content": "Why?"}, {"content": "Because."}]}},
        ),
        (
            "tool",
            "ToolExecution",
            "message { parent { conversation { lastMessage { content } } } }",
            {"message": {"parent": {"conversation": {"lastMessage": {"content": "Because."}}}}},
        ),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_a_link_leads_to_what_it_names(
    user: Client, thread: dict[str, str], name: str, of: str, selection: str, expected: Any
) -> None:
    assert await _node(user, thread[name], of, selection) == expected


async def test_what_is_deleted_leaves_the_lists_but_stays_at_the_end_of_its_links(
    user: Client, thread: dict[str, str]
) -> None:
    await user.make("deleteMessage", "message", id=thread["question"])
    found = await _node(user, thread["answer"], "Message", "parent { content deletedAt }")
    assert found["parent"]["content"] == "Why?"
    assert found["parent"]["deletedAt"] is not None
    listed = await _node(user, thread["conversation"], "Conversation", "messages { totalCount nodes { content } }")
    assert listed["messages"] == {"totalCount": 1, "nodes": [{"content": "Because."}]}


async def test_one_link_asked_for_twice_with_other_arguments_gives_both(user: Client, thread: dict[str, str]) -> None:
    selection = "first: messages(first: 1) { nodes { seq } } last: messages(last: 1) { nodes { seq } }"
    found = await _node(user, thread["conversation"], "Conversation", selection)
    assert found == {"first": {"nodes": [{"seq": 1}]}, "last": {"nodes": [{"seq": 2}]}}


async def test_one_link_asked_for_twice_with_other_columns_gives_both(user: Client, thread: dict[str, str]) -> None:
    selection = "a: conversation { title } b: conversation { model } conversation { id }"
    found = await _node(user, thread["answer"], "Message", selection)
    assert found["a"] == {"title": "Talk"}
    assert found["b"] == {"model": "gpt-4o-mini"}
    assert found["conversation"] == {"id": thread["conversation"]}


async def test_each_parent_gets_its_own_children_also_when_the_same_parent_comes_twice(
    user: Client, thread: dict[str, str]
) -> None:
    other = (await user.make("createConversation", "conversation", title="Other"))["id"]
    operation = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Conversation { messages { nodes { seq } } } } }"
    found = await user.data(operation, ids=[other, thread["conversation"], other, thread["conversation"]])
    full, empty = ({"messages": {"nodes": [{"seq": seq} for seq in seqs]}} for seqs in ((1, 2), ()))
    assert found["nodes"] == [empty, full, empty, full]


async def test_a_node_of_a_stranger_is_as_one_that_is_not_there(
    user: Client, stranger: Client, thread: dict[str, str]
) -> None:
    ids = [*thread.values(), "00000000-0000-0000-0000-000000000000"]
    found = await stranger.data("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    assert found["nodes"] == [None] * len(ids)


async def test_nodes_come_in_the_order_of_their_ids_of_whatever_type(user: Client, thread: dict[str, str]) -> None:
    found = await user.data("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=[*thread.values()])
    assert [node["id"] for node in found["nodes"]] == [*thread.values()]
    assert [node["__typename"] for node in found["nodes"]] == [
        "Conversation",
        "Message",
        "Message",
        "ToolExecution",
        "ContextOptimization",
    ]


async def test_an_id_that_is_none_and_too_many_ids_are_refused(user: Client) -> None:
    for ids, code in ((["7"], "INVALID"), ([str(n) for n in range(101)], "BAD_REQUEST")):
        (error,) = (await user.run("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids))["errors"]
        assert error["extensions"]["code"] == code


def test_a_link_to_no_known_type_is_a_mistake_that_is_told_at_once() -> None:
    with pytest.raises(KeyError, match="Nowhere"):
        link_field(maybe("Nowhere", key="nowhere_id"), {}, None)
