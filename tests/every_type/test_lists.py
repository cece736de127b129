"""Every list of every type, in each order and with each filter, against plain Python over the same rows."""

from __future__ import annotations

import random

import pytest

from gateway.data.entity import order_columns
from tests.kit.lists.check import attribute_filters, check_filter, check_pages, random_filter
from tests.kit.lists.full_lists import LISTS, FullLists, full_lists, reference_data
from tests.kit.lists.list_field import ListField
from tests.kit.lists.reference import Reference, rows_of_list, usual_of

__all__ = ["full_lists", "reference_data"]

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.parametrize("executor", ["breadth_first", "depth_first"], indirect=True, scope="module"),
]

ORDERED = [
    pytest.param(listed, argument, order, id=f"{listed}-{order}")
    for listed in LISTS
    for argument, order in listed.orders
]
FILTERED = {
    listed.target.name: listed for listed in reversed(LISTS) if listed.is_page and listed.target.filter is not None
}
"""A list of each type that has a filter."""
TREES = 25


@pytest.mark.parametrize(("listed", "argument", "order"), ORDERED)
async def test_pages_of_any_size_give_each_row_once_in_order(
    full_lists: FullLists, listed: ListField, argument: str, order: str
) -> None:
    client = full_lists.estate.client
    await check_pages(client, full_lists.superuser, listed, full_lists.parent(listed), argument, order)


UNTIL_DELETED = {"ProviderConfig": ("provider",)}
"""Columns that only a deleted row may have in common with another one."""


@pytest.mark.parametrize(("listed", "argument", "order"), ORDERED)
async def test_the_rows_of_an_order_have_values_in_common_and_nulls(
    full_lists: FullLists, listed: ListField, argument: str, order: str
) -> None:
    """Otherwise the pages above would prove little."""
    rows = [row.get("link", row) for row in await rows_of_list(full_lists.superuser, listed, full_lists.parent(listed))]
    for column, _ in order_columns(order):
        values = [row[column] for row in rows]
        assert column not in listed.target.nullable or None in values, f"no {column} is null"
        unique = {"id", *listed.target.unique, *UNTIL_DELETED.get(listed.target.name, ())}
        assert column in unique or len(set(values)) < len(values), f"each {column} is another"


@pytest.mark.parametrize("listed", FILTERED.values(), ids=FILTERED)
async def test_each_attribute_of_a_filter_finds_what_it_says(full_lists: FullLists, listed: ListField) -> None:
    client, parent = full_lists.estate.client, full_lists.parent(listed)
    rows = await rows_of_list(full_lists.superuser, listed, parent)
    reference = await Reference.read(full_lists.superuser, listed)
    for _, filter in attribute_filters(listed, rows, reference):
        await check_filter(client, listed, parent, rows, reference, filter)


@pytest.mark.parametrize("listed", FILTERED.values(), ids=FILTERED)
async def test_filters_within_a_filter_find_what_they_say(full_lists: FullLists, listed: ListField) -> None:
    client, parent = full_lists.estate.client, full_lists.parent(listed)
    rows = await rows_of_list(full_lists.superuser, listed, parent)
    reference = await Reference.read(full_lists.superuser, listed)
    single = [filter for _, filter in attribute_filters(listed, rows, reference)]
    choices = random.Random(listed.target.name)  # noqa: S311
    sizes = set()
    for _ in range(TREES):
        filter = random_filter(choices, single, 3, len(usual_of(listed)))
        sizes.add(len(await check_filter(client, listed, parent, rows, reference, filter)))
    assert len(sizes) > 2, "the filters find all rows, or none: they prove little"
