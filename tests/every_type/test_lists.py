"""Every list of every type, in each order and with each filter, against plain Python over the same rows."""

from __future__ import annotations

import random
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio

from gateway.schema.agreement import declared
from gateway.schema.build import graphql_schema
from tests.kit.estate import Estate, make_estate
from tests.kit.lists.check import attribute_filters, check_filter, check_pages, random_filter
from tests.kit.lists.list_field import ListField, list_fields
from tests.kit.lists.reference import Reference, rows_of_list
from tests.kit.lists.scatter import Scatter
from tests.kit.serving import Serving

pytestmark = pytest.mark.timeout(300)

# No user has reference data. The tests of its domain import some.
LISTS = [listed for listed in list_fields(declared(graphql_schema())[0]) if not listed.target.is_reference]
ORDERED = [
    pytest.param(listed, argument, order, id=f"{listed}-{order}")
    for listed in LISTS
    for argument, order in listed.orders
]
FILTERED = {
    listed.target.name: listed for listed in reversed(LISTS) if listed.is_page and listed.target.filter is not None
}
"""A list of each type that has a filter."""
ROWS = 6
TREES = 25


@dataclass(frozen=True, slots=True)
class Filled:
    """A user whose lists are filled with rows that have values in common."""

    estate: Estate
    superuser: asyncpg.Connection

    def parent(self, listed: ListField) -> str:
        """The id of the object whose list is filled."""
        if listed.parent is None or listed.parent.name == "User":
            return self.estate.user_id
        return self.estate.ids[listed.parent.name][0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(serving: Serving, superuser: asyncpg.Connection) -> Filled:
    made = Filled(await make_estate(serving, superuser), superuser)
    scatter = Scatter(superuser, seed=7)
    # Join tables last: they join what the other lists hold.
    for listed in sorted(LISTS, key=lambda each: each.link.through is not None):
        await scatter.fill(listed, made.estate.user_id, made.parent(listed), ROWS)
    return made


@pytest.mark.parametrize(("listed", "argument", "order"), ORDERED)
async def test_pages_of_any_size_give_each_row_once_in_order(
    filled: Filled, listed: ListField, argument: str, order: str
) -> None:
    client = filled.estate.client
    await check_pages(client, filled.superuser, listed, filled.parent(listed), argument, order)


@pytest.mark.parametrize("listed", FILTERED.values(), ids=FILTERED)
async def test_each_attribute_of_a_filter_finds_what_it_says(filled: Filled, listed: ListField) -> None:
    client, parent = filled.estate.client, filled.parent(listed)
    rows = await rows_of_list(filled.superuser, listed, parent)
    reference = await Reference.read(filled.superuser, listed)
    for _, filter in attribute_filters(listed, rows, reference):
        await check_filter(client, listed, parent, rows, reference, filter)


@pytest.mark.parametrize("listed", FILTERED.values(), ids=FILTERED)
async def test_filters_within_a_filter_find_what_they_say(filled: Filled, listed: ListField) -> None:
    client, parent = filled.estate.client, filled.parent(listed)
    rows = await rows_of_list(filled.superuser, listed, parent)
    reference = await Reference.read(filled.superuser, listed)
    single = [filter for _, filter in attribute_filters(listed, rows, reference)]
    choices = random.Random(listed.target.name)  # noqa: S311
    sizes = set()
    for _ in range(TREES):
        filter = random_filter(choices, single, 3)
        sizes.add(len(await check_filter(client, listed, parent, rows, reference, filter)))
    assert len(sizes) > 2, "the filters find all rows, or none: they prove little"
