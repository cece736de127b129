"""Tags and what is tagged, as a client sees them."""

from __future__ import annotations

from typing import Any

from tests.kit.serving import Client

TAGS = "tags { id name }"
BOTH = f"node {{ id version ... on Conversation {{ title tags {{ totalCount }} }} }} {TAGS}"
OF = "query($id: ID!) { conversation(id: $id) { tags { totalCount nodes { name uses } } } }"
LISTED = """
query($filter: TagFilter, $order: TagOrder) {
    viewer { tags(filter: $filter, orderBy: $order) { totalCount nodes { name } } }
}
"""


async def made(client: Client, *names: str, **values: Any) -> list[str]:
    """Create tags, and return their ids."""
    return [(await client.make("createTag", "tag", name=name, **values))["id"] for name in names]


async def conversation(client: Client, **values: Any) -> str:
    id: str = (await client.make("createConversation", "conversation", **values))["id"]
    return id


async def names_of(client: Client, id: str) -> list[str]:
    """The names of the tags of a conversation."""
    found = (await client.data(OF, id=id))["conversation"]["tags"]
    assert found["totalCount"] == len(found["nodes"])
    return [tag["name"] for tag in found["nodes"]]


async def test_tags_are_added_removed_and_set_in_the_order_of_adding(user: Client) -> None:
    red, blue, green = await made(user, "red", "blue", "green")
    id = await conversation(user, title="Boats")
    payload = await user.mutate("addTags", BOTH, id=id, tagIds=[green, red])
    assert payload["userErrors"] == []
    assert [tag["name"] for tag in payload["tags"]] == ["green", "red"]
    assert (payload["node"]["id"], payload["node"]["title"]) == (id, "Boats")
    assert payload["node"]["tags"] == {"totalCount": 2}
    payload = await user.mutate("addTags", TAGS, id=id, tagIds=[blue, green])
    assert [tag["name"] for tag in payload["tags"]] == ["green", "red", "blue"]
    payload = await user.mutate("removeTags", TAGS, id=id, tagIds=[green])
    assert [tag["name"] for tag in payload["tags"]] == ["red", "blue"]
    payload = await user.mutate("setTags", TAGS, id=id, tagIds=[green, blue])
    assert [tag["name"] for tag in payload["tags"]] == ["blue", "green"]
    assert await names_of(user, id) == ["blue", "green"]
    payload = await user.mutate("setTags", TAGS, id=id, tagIds=[])
    assert (payload["tags"], payload["userErrors"]) == ([], [])
