"""Mutations that change what objects of several types are joined to, made by one declaration."""

from __future__ import annotations

import asyncpg
import pytest

from gateway import Node, Through, entity, joined, page
from gateway.schema.build import build_schema, domain_modules
from gateway.schema.fields.joined import functions_of
from gateway.schema.types.wrong_declaration import WrongDeclaration
from tests.gateway.schema.plain_table import crate
from tests.kit.generated import fields_of
from tests.kit.rows import NO_ROW, differences
from tests.kit.serving import Client

WANTED = "node { __typename id version } tags { name uses }"
SET = """
mutation($crate: ID!, $conversation: ID!, $tags: [ID!]!) {
    one: setTags(input: { id: $crate, tagIds: $tags }) { node { __typename ... on Crate { tags { totalCount } } } }
    other: addTags(input: { id: $conversation, tagIds: $tags }) { tags { uses } userErrors { code } }
    again: removeTags(input: { id: $crate, tagIds: $tags }) { tags { uses } node { id version } }
}
"""


async def test_one_mutation_serves_objects_of_several_types(
    any_writer: Client, noted_superuser: asyncpg.Connection
) -> None:
    tag = (await any_writer.make("createTag", "tag", name="red"))["id"]
    crate_id = (await any_writer.make("createCrate", "crate"))["id"]
    conversation = (await any_writer.make("createConversation", "conversation"))["id"]
    for uses, (kind, id) in enumerate([("Crate", crate_id), ("Conversation", conversation)], 1):
        any_writer.statements.texts.clear()
        payload = await any_writer.mutate("addTags", WANTED, id=id, tagIds=[tag])
        # Which type it is, the change, and what is shown of the two.
        assert len(any_writer.statements.texts) == 4
        assert (payload["node"]["__typename"], payload["node"]["id"]) == (kind, id)
        assert payload["tags"] == [{"name": "red", "uses": uses}]
    await any_writer.make("deleteConversation", "conversation", id=conversation)
    payload = await any_writer.mutate("addTags", WANTED, id=conversation, tagIds=[tag])
    (error,) = payload["userErrors"]
    assert (error["code"], error["message"]) == ("CONFLICT", "This conversation is deleted.")
    assert (payload["node"]["id"], payload["tags"]) == (conversation, [])  # its tags are deleted with it
    payload = await any_writer.mutate("removeTags", WANTED, id=crate_id, tagIds=[tag])
    assert payload["tags"] == []
    assert await differences(noted_superuser) == []


async def test_each_of_several_changes_shows_what_it_left(any_writer: Client) -> None:
    tags = [(await any_writer.make("createTag", "tag", name=name))["id"] for name in ("red", "blue")]
    crate_id = (await any_writer.make("createCrate", "crate"))["id"]
    conversation = (await any_writer.make("createConversation", "conversation"))["id"]
    shown = await any_writer.data(SET, crate=crate_id, conversation=conversation, tags=tags)
    assert shown["one"] == {"node": {"__typename": "Crate", "tags": {"totalCount": 2}}}
    assert shown["other"] == {"tags": [{"uses": 2}, {"uses": 2}], "userErrors": []}
    assert shown["again"]["tags"] == []


async def test_an_object_of_none_of_the_types_is_not_found(any_writer: Client) -> None:
    tag = (await any_writer.make("createTag", "tag", name="red"))["id"]
    for id in (NO_ROW, tag, any_writer.user_id):
        payload = await any_writer.mutate("addTags", WANTED, id=id, tagIds=[tag])
        assert payload == {
            "node": None,
            "tags": None,
            "userErrors": [{"code": "NOT_FOUND", "field": ["id"], "message": "There is no such object."}],
        }


def test_the_input_names_the_types() -> None:
    schema = build_schema([*domain_modules(), crate])._schema
    described = fields_of(schema.type_map["AddTagsInput"])["id"].description
    assert described == "The id of the object, a UUID: of a conversation or a crate."


def test_mutations_that_no_type_needs_are_refused() -> None:
    @entity("flags")
    class Flag(Node):
        """Something to put on others."""

        fields = page("Flag", through=Through("flag_fields", "flag_id", "field_id"), order="created_at")
        """Its fields."""

    joined(Flag, name="flags", scope="personal:write")
    with pytest.raises(WrongDeclaration) as refused:
        functions_of(Flag, {"Flag": Flag})
    assert str(refused.value) == (
        "joined(Flag, name='flags') makes mutations for the types that have a list flags of Flag through a join table, "
        'but none has. Give one to a type: flags = page("Flag", through=Through(…))'
    )
