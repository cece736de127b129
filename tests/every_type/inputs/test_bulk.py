"""A mutation over a list of items does for each what the mutation of one item does, by one statement.

Mutations are read from the schema, so new ones are tested without being listed.
"""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from gateway.schema.fields.bulk import MOST_ITEMS
from tests.kit.estate import Estate, make_estate
from tests.kit.generated import Mutation, mutations, own, selection
from tests.kit.refused import refusals
from tests.kit.rows import diff_rows, differences, rows_of
from tests.kit.schema import graphql_schema
from tests.kit.serving import Serving

BULK = [mutation for mutation in mutations(graphql_schema()) if mutation.one is not None]
EACH_BULK = pytest.mark.parametrize("mutation", BULK, ids=str)
REFERRING = [(bulk, name) for bulk in BULK if bulk.one is not None for name in bulk.one.ids]

VARYING = {"id", "seq", "createdAt", "updatedAt", "version", "activeAt"}
"""What differs between two objects that were made alike."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stranger(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    return await make_estate(serving, superuser)


def single(mutation: Mutation) -> Mutation:
    assert mutation.one is not None
    return mutation.one


def item(estate: Estate, mutation: Mutation, **overrides: Any) -> dict[str, Any]:
    """A valid item with every field and a new id."""
    one = single(mutation)
    return one.values(own(estate, one.name)) | {"id": str(uuid.uuid4())} | overrides


async def sent(estate: Estate, mutation: Mutation, items: list[Any], **values: Any) -> tuple[Any, dict[str, str]]:
    """Run a mutation over a list, and return its objects and the code of each error by its field."""
    answer = await estate.client.run(mutation.operation, input={"items": items, **values})
    errors = {refusal.field or "": refusal.code for refusal in refusals(answer)}
    return answer["data"] and answer["data"][mutation.name][mutation.object], errors


def alike(made: Any) -> Any:
    """What an object shows, without what differs between any two objects."""
    if isinstance(made, dict):
        return {name: alike(value) for name, value in made.items() if name not in VARYING}
    return made


@EACH_BULK
async def test_items_are_written_in_their_order_as_one_by_one(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    one = single(mutation)
    full = [item(estate, mutation) for _ in range(3)]
    least = one.least(own(estate, one.name))
    made, errors = await sent(estate, mutation, [*full, least])
    assert errors == {}
    assert [each["id"] for each in made[:3]] == [each["id"] for each in full]
    versions = [int(each["version"]) for each in made]
    assert versions == list(range(versions[0], versions[0] + 4))
    assert await differences(superuser) == []
    wanted = f"mutation($input: {one.field.args['input'].type}) {{ {one.name}(input: $input) {{ {one.object} %s }} }}"
    text = wanted % selection(one.payload[one.object].type, depth=0)
    for values, its in ((full[0], made[0]), (least, made[3])):
        alone = (await estate.client.data(text, input=values | {"id": str(uuid.uuid4())}))[one.name][one.object]
        assert alike(alone).items() <= alike(its).items()


@EACH_BULK
async def test_a_list_that_is_sent_again_writes_nothing(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    items = [item(estate, mutation) for _ in range(3)]
    made, errors = await sent(estate, mutation, items[:2])
    assert errors == {}
    before = await rows_of(superuser, estate.user_id)
    assert await sent(estate, mutation, items[:2]) == (made, {})
    assert diff_rows(before, await rows_of(superuser, estate.user_id)) == []
    continued, errors = await sent(estate, mutation, items)
    assert ([each["id"] for each in continued], errors) == ([each["id"] for each in items], {})
    assert await differences(superuser) == []


@EACH_BULK
async def test_an_item_that_is_refused_leaves_all_or_the_others_written(
    estate: Estate, superuser: asyncpg.Connection, mutation: Mutation
) -> None:
    one = single(mutation)
    taken, valid = item(estate, mutation), [item(estate, mutation) for _ in range(2)]
    await sent(estate, mutation, [taken])
    other = {**one.least(own(estate, one.name)), "id": taken["id"]}
    items = [valid[0], item(estate, mutation, id="no id"), other, valid[1]]
    expected = {"items.1.id": "INVALID", "items.2.id": "CONFLICT"}
    before = await rows_of(superuser, estate.user_id)
    assert await sent(estate, mutation, items) == (None, expected)
    assert diff_rows(before, await rows_of(superuser, estate.user_id)) == []
    made, errors = await sent(estate, mutation, items, partial=True)
    assert ([each and each["id"] for each in made], errors) == ([valid[0]["id"], None, None, valid[1]["id"]], expected)
    assert await differences(superuser) == []


@pytest.mark.parametrize(("mutation", "name"), REFERRING, ids=str)
async def test_an_item_that_refers_to_anothers_object_is_refused(
    estate: Estate, stranger: Estate, superuser: asyncpg.Connection, mutation: Mutation, name: str
) -> None:
    one = single(mutation)
    foreign = own(stranger, one.name)(one.ids[name])
    items = [item(estate, mutation), item(estate, mutation, **{name: foreign})]
    before = await rows_of(superuser, estate.user_id)
    made, errors = await sent(estate, mutation, items)
    assert (made, set(errors.values())) == (None, {"NOT_FOUND"})
    assert all(field.startswith("items.1.") for field in errors)
    assert diff_rows(before, await rows_of(superuser, estate.user_id)) == []


@EACH_BULK
async def test_the_same_id_twice_is_one_object_if_the_items_are_equal(estate: Estate, mutation: Mutation) -> None:
    twice = item(estate, mutation)
    made, errors = await sent(estate, mutation, [twice, twice])
    assert errors == {}
    assert made[0]["id"] == made[1]["id"] == twice["id"]


@EACH_BULK
async def test_too_many_items_are_refused_and_none_are_fine(estate: Estate, mutation: Mutation) -> None:
    one = single(mutation)
    many = [one.least(own(estate, one.name))] * MOST_ITEMS
    assert await sent(estate, mutation, [*many, many[0]]) == (None, {"items": "INVALID"})
    assert await sent(estate, mutation, []) == ([], {})
    estate.client.statements.texts.clear()
    wanted = f"mutation($input: {mutation.field.args['input'].type}) {{ {mutation.name}(input: $input)"
    answer = await estate.client.data(f"{wanted} {{ {mutation.object} {{ id }} }} }}", input={"items": many})
    assert len({each["id"] for each in answer[mutation.name][mutation.object]}) == MOST_ITEMS
    assert len(estate.client.statements.texts) == 1
