"""A create that is repeated with the same id returns the same object, and is refused if any of its values differ.

Mutations and fields are read from the schema, so new ones are tested without being listed.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import get_named_type

from tests.every_type.inputs.test_json_literal import SHAPED
from tests.kit import generated, samples
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, is_required, mutations, own
from tests.kit.refused import Refusal, only_refusal, refusals
from tests.kit.rows import diff_rows, rows_of, unchanged
from tests.kit.schema import graphql_schema
from tests.kit.serving import Serving

SCHEMA = graphql_schema()
EITHER = {"createProviderKey": "it takes one of two fields: see tests/accounts/providers/test_provider_key.py"}
"""Mutations of which not every field can be left out by itself."""

CREATES = [mutation for mutation in mutations(SCHEMA) if mutation.takes_new_id and mutation.name not in EITHER]

TAKEN = Refusal("CONFLICT", "id", "This id already belongs to an object with different values.")

ALIKE = [
    ({"n": 1}, {"n": True}),
    ({"n": 1}, {"n": "1"}),
    ({"n": None}, {}),
    ({"n": []}, {"n": {}}),
    ({"n": 0}, {"n": False}),
]
"""Pairs of JSON values that differ, but that Python or a careless comparison would treat as equal."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


def full(estate: Estate, mutation: Mutation) -> dict[str, Any]:
    """A valid input with every field and a new id."""
    return mutation.values(own(estate, mutation.name)) | {"id": str(uuid.uuid4())}


def optional(mutation: Mutation) -> list[str]:
    return [name for name, field in mutation.inputs.items() if name != "id" and not is_required(field)]


def other_values(estate: Estate, mutation: Mutation, name: str, value: Any) -> list[Any]:
    """A valid value for a field that differs from `value`; none if the user has no other object of the type."""
    if name not in mutation.ids:
        return [generated.other(mutation.kind, name, mutation.inputs[name], value)]
    if isinstance(value, list):
        return [[]]
    return [id for id in estate.ids[mutation.ids[name]] if id != value][:1]


async def check_taken(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, made: dict[str, Any], values: dict[str, Any]
) -> None:
    """Check that a create with the id of another object is refused with that object, and changes no row."""
    async with unchanged(superuser, estate.user_id):
        answer = await estate.client.run(mutation.operation, input=values)
        assert only_refusal(answer) == TAKEN, values
        assert answer["data"][mutation.name][mutation.object] == made


async def sent(estate: Estate, mutation: Mutation, values: dict[str, Any]) -> Any:
    """Run a create, which must succeed, and return its object."""
    answer = await estate.client.run(mutation.operation, input=values)
    assert refusals(answer) == []
    return answer["data"][mutation.name][mutation.object]


@pytest.mark.parametrize("mutation", CREATES, ids=str)
async def test_the_same_request_makes_one_object(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    values = full(estate, mutation)
    made = await sent(estate, mutation, values)
    async with unchanged(superuser, estate.user_id):
        assert await sent(estate, mutation, values) == made


@pytest.mark.parametrize("mutation", CREATES, ids=str)
async def test_the_same_sent_at_once_is_made_once(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    values = full(estate, mutation)
    before = await rows_of(superuser, estate.user_id)
    answers = await asyncio.gather(*(estate.client.run(mutation.operation, input=values) for _ in range(8)))
    assert [refusals(answer) for answer in answers] == [[]] * 8
    ids = {answer["data"][mutation.name][mutation.object]["id"] for answer in answers}
    assert ids == {values["id"]}
    made = [line for line in diff_rows(before, await rows_of(superuser, estate.user_id)) if values["id"] in line]
    assert len([line for line in made if line.startswith("new in changes") and "'insert'" in line]) >= 1
    versions = {answer["data"][mutation.name][mutation.object]["version"] for answer in answers}
    assert len(versions) == 1


@pytest.mark.parametrize("mutation", CREATES, ids=str)
async def test_a_field_that_is_left_out_the_second_time_makes_it_another_request(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    values = full(estate, mutation)
    made = await sent(estate, mutation, values)
    for name in optional(mutation):
        less = {key: value for key, value in values.items() if key != name}
        if any(name in samples.needs_of(mutation.kind, other) for other in less):
            continue  # refused for another reason
        await check_taken(estate, superuser, mutation, made, less)


@pytest.mark.parametrize("mutation", CREATES, ids=str)
async def test_a_field_that_comes_in_addition_makes_it_another_request(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    values = full(estate, mutation)
    needed = {"id", "conversationId", "messageId"}
    needed |= {needed for name in values for needed in samples.needs_of(mutation.kind, name)}
    least = {name: value for name, value in values.items() if name in needed or name not in optional(mutation)}
    made = await sent(estate, mutation, least)
    for name in values.keys() - least.keys():
        await check_taken(estate, superuser, mutation, made, least | {name: values[name]})


@pytest.mark.parametrize("mutation", CREATES, ids=str)
async def test_a_field_with_another_value_makes_it_another_request(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    values = full(estate, mutation)
    made = await sent(estate, mutation, values)
    for name in values.keys() - {"id"}:
        for other in other_values(estate, mutation, name, values[name]):
            await check_taken(estate, superuser, mutation, made, values | {name: other})


JSON_FIELDS = [
    (mutation, name)
    for mutation in CREATES
    for name, field in mutation.inputs.items()
    if str(get_named_type(field.type)) == "JSON" and name not in SHAPED
]


@pytest.mark.parametrize(("mutation", "name"), JSON_FIELDS, ids=str)
async def test_json_values_of_another_type_make_it_another_request(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    is_list = isinstance(full(estate, mutation)[name], list)
    for first, second in ALIKE:
        values = full(estate, mutation) | {name: [first] if is_list else first}
        made = await sent(estate, mutation, values)
        await check_taken(estate, superuser, mutation, made, values | {name: [second] if is_list else second})


async def test_a_request_is_known_again_after_its_object_has_changed(estate: Estate) -> None:
    values = {"id": str(uuid.uuid4()), "title": "Mine"}
    made = await estate.client.make("createConversation", "conversation", "id", **values)
    await estate.client.make("updateConversation", "conversation", **made, title="Renamed", folder="work")
    again = await estate.client.make("createConversation", "conversation", "id title folder", **values)
    assert again == {**made, "title": "Renamed", "folder": "work"}


async def test_the_same_moment_and_amount_in_another_spelling_are_the_same(estate: Estate) -> None:
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "provider": "p",
        "model": "m",
        "inputTokens": 1,
        "costUsd": "1.50",
    }
    made = await estate.client.make("recordUsage", "usageLog", **values)
    assert await estate.client.make("recordUsage", "usageLog", **{**values, "costUsd": "1.5"}) == made


async def test_another_mutation_with_the_same_id_and_values_is_another_request(estate: Estate) -> None:
    values = {"id": str(uuid.uuid4()), "conversationId": estate.ids["Conversation"][0], "model": "m"}
    await estate.client.make("startMessage", "message", **values)
    message = {**values, "role": "ASSISTANT", "content": "", "status": "STREAMING"}
    payload = await estate.client.mutate("addMessage", "message { id }", **message)
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["id"])]


async def test_an_id_that_the_server_chose_belongs_to_no_request(estate: Estate) -> None:
    made = await estate.client.make("createConversation", "conversation", title="Mine")
    payload = await estate.client.mutate("createConversation", "conversation { id }", **made, title="Mine")
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["id"])]
