"""The trash: listed across types, and emptied for good."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from tests.kit.rows import NO_ROW, rows_of
from tests.kit.serving import Client

LIST = """
query($types: [String!], $first: Int, $after: Cursor) {
  viewer { trash(types: $types, first: $first, after: $after) {
    nodes { entity id deletedAt node { id ... on Conversation { title deletedAt } ... on Message { content } } }
    edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage endCursor }
  } }
}
"""


async def trash(user: Client, **arguments: Any) -> Any:
    return (await user.data(LIST, **arguments))["viewer"]["trash"]


async def deleted(user: Client, count: int) -> list[str]:
    """The ids of new conversations with a message each, all deleted, the last one first."""
    ids: list[str] = []
    for number in range(count):
        id = (await user.make("createConversation", "conversation", title=str(number)))["id"]
        await user.make("addMessage", "message", conversationId=id, role="USER", content="Hello")
        await user.make("deleteConversation", "conversation", id=id)
        ids.insert(0, id)
    return ids


async def test_deleted_objects_of_all_types_are_listed_last_deleted_first(user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation", title="Kept"))["id"]
    values = {"conversationId": conversation, "role": "USER", "content": "Gone"}
    message = (await user.make("addMessage", "message", **values))["id"]
    (thrown,) = await deleted(user, 1)
    await user.make("deleteMessage", "message", id=message)
    found = (await trash(user))["nodes"]
    assert [(item["entity"], item["id"]) for item in found] == [("Message", message), ("Conversation", thrown)]
    assert found[0]["node"] == {"id": message, "content": "Gone"}
    assert found[1]["node"] == {"id": thrown, "title": "0", "deletedAt": found[1]["deletedAt"]}
    assert [item["id"] for item in (await trash(user, types=["Conversation"]))["nodes"]] == [thrown]
    await user.make("deleteConversation", "conversation", id=conversation)
    ids = [item["id"] for item in (await trash(user))["nodes"]]
    assert ids == [conversation, thrown], "the message comes back with its conversation"


async def test_the_trash_has_pages(user: Client) -> None:
    ids = await deleted(user, 5)
    seen: list[str] = []
    after = None
    for more in (True, True, False):
        page = await trash(user, first=2, after=after)
        assert [edge["node"]["id"] for edge in page["edges"]] == [item["id"] for item in page["nodes"]]
        assert (page["pageInfo"]["hasNextPage"], page["pageInfo"]["hasPreviousPage"]) == (more, bool(seen))
        seen += [item["id"] for item in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert seen == ids
    assert (await trash(user, after=after))["nodes"] == []


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [({"first": -1}, "first"), ({"first": 201}, "first"), ({"after": "x"}, "after"), ({"types": ["User"]}, "types")],
)
async def test_a_wrong_argument_is_named(user: Client, arguments: dict[str, Any], argument: str) -> None:
    (error,) = (await user.run(LIST, **arguments))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_REQUEST", argument)


async def test_an_object_of_any_type_is_restored(user: Client) -> None:
    (id,) = await deleted(user, 1)
    restored = await user.mutate("restore", "node { id ... on Conversation { title deletedAt } }", id=id)
    assert restored == {"node": {"id": id, "title": "0", "deletedAt": None}, "userErrors": []}
    assert (await user.mutate("restore", "node { id }", id=id))["node"] == {"id": id}
    stale = await user.mutate("restore", "node { id }", id=id, expectedVersion=1)
    assert [(error["code"], error["field"]) for error in stale["userErrors"]] == [("CONFLICT", ["expectedVersion"])]
    assert (await trash(user))["nodes"] == []


async def test_an_object_is_removed_with_all_that_belonged_to_it(user: Client, superuser: asyncpg.Connection) -> None:
    (id,) = await deleted(user, 1)
    purged = await user.mutate("purge", "id isComplete", id=id)
    assert purged == {"id": id, "isComplete": True, "userErrors": []}
    assert (await user.data("query($id: ID!) { node(id: $id) { id } }", id=id))["node"] is None
    left = await rows_of(superuser, user.user_id)
    assert not [row for table in ("conversations", "messages") for row in left.get(table, [])]
    (error,) = (await user.mutate("purge", "id", id=id))["userErrors"]
    assert (error["code"], error["field"]) == ("NOT_FOUND", ["id"])


async def test_a_large_object_is_removed_in_parts_and_cannot_be_restored_in_between(user: Client) -> None:
    id = (await user.make("createConversation", "conversation"))["id"]
    item = {"conversationId": id, "role": "USER", "content": "Hello"}
    for _ in range(4):
        await user.mutate("addMessages", "messages { id }", items=[item] * 200)
    await user.make("deleteConversation", "conversation", id=id)
    assert (await user.mutate("purge", "isComplete", id=id))["isComplete"] is False
    (error,) = (await user.mutate("restore", "node { id }", id=id))["userErrors"]
    assert (error["code"], error["message"]) == ("CONFLICT", "This conversation is being removed permanently.")
    assert (await trash(user))["nodes"] == []
    assert (await user.mutate("purge", "isComplete", id=id))["isComplete"] is True


async def test_what_is_not_in_the_trash_is_not_removed(user: Client, stranger: Client) -> None:
    id = (await user.make("createConversation", "conversation"))["id"]
    (foreign,) = await deleted(stranger, 1)
    for each, code in ((id, "CONFLICT"), (foreign, "NOT_FOUND"), (NO_ROW, "NOT_FOUND"), ("none", "INVALID")):
        (error,) = (await user.mutate("purge", "id isComplete", id=each))["userErrors"]
        assert (error["code"], error["field"]) == (code, ["id"])
    assert [item["id"] for item in (await trash(stranger))["nodes"]] == [foreign]


async def test_the_trash_is_emptied(user: Client, stranger: Client) -> None:
    await deleted(user, 3)
    (foreign,) = await deleted(stranger, 1)
    kept = (await user.make("createConversation", "conversation"))["id"]
    none = await user.mutate("emptyTrash", "removed isComplete", types=["Message"])
    assert (none["removed"], none["isComplete"]) == (0, True)
    emptied = await user.mutate("emptyTrash", "removed isComplete")
    assert emptied == {"removed": 3, "isComplete": True, "userErrors": []}
    assert (await trash(user))["nodes"] == []
    found = await user.data("{ viewer { conversations { nodes { id } } } }")
    assert found["viewer"]["conversations"]["nodes"] == [{"id": kept}]
    assert [item["id"] for item in (await trash(stranger))["nodes"]] == [foreign]


async def test_types_may_be_named_twice(user: Client) -> None:
    (id,) = await deleted(user, 1)
    assert [item["id"] for item in (await trash(user, types=["Conversation"] * 2))["nodes"]] == [id]
    assert (await user.mutate("emptyTrash", "removed", types=["Conversation"] * 1000))["removed"] == 1


async def test_of_two_types_with_one_id_the_deleted_one_is_meant(user: Client) -> None:
    (id,) = await deleted(user, 1)
    await user.make("createTag", "tag", id=id, name="Same", type="LABEL")
    assert (await user.mutate("restore", "node { __typename }", id=id))["node"] == {"__typename": "Conversation"}
    await user.make("deleteTag", "tag", id=id)
    assert (await user.mutate("purge", "isComplete", id=id))["isComplete"] is True
    assert (await user.data("query($id: ID!) { node(id: $id) { __typename } }", id=id))["node"] == {
        "__typename": "Conversation"
    }
