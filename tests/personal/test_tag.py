"""Tags and what is tagged, as a client sees them."""

from __future__ import annotations

from typing import Any

import asyncpg

from tests.kit.rows import differences
from tests.kit.serving import Client, first

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


async def test_a_name_is_unique_in_its_type_among_tags_that_are_not_deleted(user: Client) -> None:
    (first_one,) = await made(user, "Work")
    await made(user, "Work", type="AREA")
    taken = {"code": "CONFLICT", "field": ["name"], "message": "There is already a tag of this type with this name."}
    assert (await user.mutate("createTag", name="wORK"))["userErrors"] == [taken]
    (other,) = await made(user, "Play")
    assert (await user.mutate("updateTag", id=other, name="WORK"))["userErrors"] == [taken]
    await user.make("deleteTag", "tag", id=first_one)
    await user.make("updateTag", "tag", id=other, name="WORK")
    assert (await user.mutate("restoreTag", id=first_one))["userErrors"] == [taken]
    await user.make("deleteTag", "tag", id=other)
    assert await user.make("restoreTag", "tag", "name deletedAt", id=first_one) == {"name": "Work", "deletedAt": None}


async def test_others_may_use_the_same_name(user: Client, stranger: Client) -> None:
    await made(user, "work")
    await made(stranger, "work")


async def test_wrong_values_are_refused_by_name(user: Client) -> None:
    for values, field in (
        ({"name": ""}, "name"),
        ({"name": "x" * 501}, "name"),
        ({"name": "blue", "color": "blue"}, "color"),
        ({"name": "blue", "color": "#00F"}, "color"),
        ({"name": "blue", "color": "#00000G"}, "color"),
        ({"name": "blue", "description": "x" * 4001}, "description"),
    ):
        (error,) = (await user.mutate("createTag", **values))["userErrors"]
        assert (error["code"], error["field"]) == ("INVALID", [field])


async def test_tags_are_listed_in_each_order_and_filtered(user: Client) -> None:
    apple, _, cherry = await made(user, "apple", "Banana", "cherry", description="fruit")
    await made(user, "Health", type="AREA")
    for ids in ([cherry], [cherry, apple]):
        await user.make("addTags", "node", id=await conversation(user), tagIds=ids)
    for variables, expected in (
        ({}, ["apple", "Banana", "cherry", "Health"]),
        ({"order": "MOST_USED"}, ["cherry", "apple", "Banana", "Health"]),
        ({"order": "NEWEST"}, ["Health", "cherry", "Banana", "apple"]),
        ({"filter": {"type": ["AREA"]}}, ["Health"]),
        ({"filter": {"nameContains": "AN"}}, ["Banana"]),
    ):
        found = (await user.data(LISTED, **variables))["viewer"]["tags"]
        assert [tag["name"] for tag in found["nodes"]] == expected
        assert found["totalCount"] == len(expected)


FOUND = """
query($filter: ConversationFilter) {
    viewer { conversations(filter: $filter, orderBy: OLDEST) { totalCount nodes { title } } }
}
"""


async def test_conversations_are_found_by_their_tags(user: Client) -> None:
    red, blue, gone = await made(user, "red", "blue", "gone")
    for title, ids in (("one", [red]), ("two", [red, blue]), ("three", [gone]), ("four", [])):
        await user.make("setTags", "node", id=await conversation(user, title=title), tagIds=ids)
    await user.make("deleteTag", "tag", id=gone)
    for filter, expected in (
        ({"tagId": [red]}, ["one", "two"]),
        ({"tagId": [blue, red]}, ["one", "two"]),
        ({"tagId": [gone]}, []),
        ({"tagId": [gone, blue]}, ["two"]),
        ({"hasTagId": True}, ["one", "two"]),
        ({"hasTagId": False}, ["three", "four"]),
        ({"NOT": {"tagId": [blue]}}, ["one", "three", "four"]),
    ):
        found = (await user.data(FOUND, filter=filter))["viewer"]["conversations"]
        assert ([each["title"] for each in found["nodes"]], found["totalCount"]) == (expected, len(expected)), filter


TAGGED = "query($id: ID!) { tag(id: $id) { uses conversations { totalCount nodes { title } } } }"


async def test_a_tag_lists_and_counts_its_conversations(user: Client, superuser: asyncpg.Connection) -> None:
    (tag,) = await made(user, "red")
    one, two = [await conversation(user, title=title) for title in ("one", "two")]
    for id in (two, one):
        await user.make("addTags", "node", id=id, tagIds=[tag])

    async def shown() -> tuple[int, list[str]]:
        found = (await user.data(TAGGED, id=tag))["tag"]
        assert found["uses"] == found["conversations"]["totalCount"]
        return found["uses"], [each["title"] for each in found["conversations"]["nodes"]]

    assert await shown() == (2, ["one", "two"])
    await user.make("deleteConversation", "conversation", id=one)
    assert await shown() == (1, ["two"])
    await user.make("restoreConversation", "conversation", id=one)
    assert await shown() == (2, ["one", "two"])
    await user.make("setTags", "node", id=two, tagIds=[])
    assert await shown() == (1, ["one"])
    assert await differences(superuser) == []


async def test_a_tag_that_was_deleted_when_tags_are_set_does_not_come_back(user: Client) -> None:
    red, blue = await made(user, "red", "blue")
    id = await conversation(user)
    await user.make("addTags", "node", id=id, tagIds=[red, blue])
    await user.make("deleteTag", "tag", id=red)
    await user.make("setTags", "node", id=id, tagIds=[blue])
    await user.make("restoreTag", "tag", id=red)
    assert await names_of(user, id) == ["blue"]


CHANGED = """
subscription($after: Cursor!) {
    changes(after: $after, types: ["Conversation", "Tag"]) {
        op
        node { id version ... on Conversation { tags { nodes { name } } } ... on Tag { uses } }
    }
}
"""


async def test_subscribers_hear_of_both_ends(user: Client) -> None:
    (tag,) = await made(user, "red")
    id = await conversation(user)
    async with user.socket() as socket:
        cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        events = await socket.subscribe(CHANGED, after=cursor)
        payload = await user.mutate("addTags", "node { version } tags { version }", id=id, tagIds=[tag])
        changes = [event["changes"] for event in await first(events, 2)]
    nodes = {change["node"]["id"]: change["node"] for change in changes}
    assert nodes[id] == {"id": id, "version": payload["node"]["version"], "tags": {"nodes": [{"name": "red"}]}}
    assert nodes[tag] == {"id": tag, "version": payload["tags"][0]["version"], "uses": 1}


async def test_agents_may_tag(user: Client) -> None:
    (tag,) = await made(user, "red")
    id = await conversation(user)
    agent = await user.agent("personal:write")
    await agent.make("addTags", "node", id=id, tagIds=[tag])
    assert await names_of(user, id) == ["red"]
