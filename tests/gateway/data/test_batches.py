"""Batches: what is found is given by its key, whether one key is asked for or many."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.batches import Batch, ByKey, Children, Count, Page, PageRequest
from gateway.data.clauses.condition import Condition
from gateway.data.clauses.order import Order
from gateway.data.driver.stamp import Stamp
from gateway.data.pool import Pool
from gateway.data.rows import record_class
from gateway.data.statements import Source, Through
from gateway.data.tenancy import Tenant
from tests.kit.database import Database

RECORD = record_class("Leaf", dict.fromkeys(("id", "branch_id", "seq")))
SIZES = (3, 0, 1, 5)
"""How many leaves each branch has."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A caller with branches that have leaves."""

    tenant: Tenant
    branches: list[UUID]
    leaves: dict[int, UUID]

    async def found(self, batch: Batch, keys: Sequence[UUID]) -> dict[int, Any]:
        """What is found for the branches, by their numbers, asked together and one by one."""
        together = await batch.load(self.tenant, keys)
        alone: dict[UUID, Any] = {}
        for key in keys:
            alone.update(await batch.load(self.tenant, [key]))
        read = {self.branches.index(key): what(value) for key, value in together.items()}
        assert read == {self.branches.index(key): what(value) for key, value in alone.items()}
        return read


def what(found: Any) -> Any:
    """The numbers of rows, and the rest as it is."""
    if isinstance(found, int):
        return found
    if hasattr(found, "more"):
        return what(found.rows), found.more
    return [row["seq"] for row in found]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tree(database: Database) -> AsyncIterator[Tree]:
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    await owner.execute("CREATE TABLE leaves (user_id uuid, id uuid, branch_id uuid, seq int)")
    await owner.execute("CREATE TABLE holders (user_id uuid, holder_id uuid, leaf_id uuid, seq int)")
    await owner.execute("GRANT SELECT ON leaves, holders TO PUBLIC")
    user_id, branches = uuid.uuid4(), [uuid.uuid4() for _ in SIZES]
    leaves: dict[int, UUID] = {}
    for number, size in enumerate(SIZES):
        for seq in range(10 * number, 10 * number + size):
            leaves[seq] = uuid.uuid4()
            values = user_id, leaves[seq], branches[number], seq
            await owner.execute("INSERT INTO leaves VALUES ($1, $2, $3, $4)", *values)
            values = user_id, branches[number], leaves[seq], seq
            await owner.execute("INSERT INTO holders VALUES ($1, $2, $3, $4)", *values)
    await owner.close()
    pool = await Pool.open(database.runtime_url, size=1)
    tenant = Tenant(pool, Stamp(user_id, None, "user"), committed=lambda _: None)
    yield Tree(tenant, branches, leaves)
    await tenant.close()
    await pool.close()


LEAVES = Source("leaves", "branch_id")
SEQ = Order(("seq",), (False,), (False,))


def page(size: int, **options: Any) -> Page:
    request = PageRequest(size=size, sort="seq", order=SEQ, **options)
    return Page(LEAVES, request, ("id", "seq"), RECORD)


async def test_rows_are_found_by_their_key(tree: Tree) -> None:
    batch = ByKey("leaves", "id", ("id", "seq"), RECORD)
    keys = [tree.leaves[0], tree.leaves[30]]
    for asked in (keys, keys[:1], [uuid.uuid4(), *keys], [uuid.uuid4()]):
        found = await batch.load(tree.tenant, asked)
        assert {key: row["seq"] for key, row in found.items()} == {
            tree.leaves[seq]: seq for seq in (0, 30) if tree.leaves[seq] in asked
        }


async def test_children_are_found_by_their_parent_and_in_order(tree: Tree) -> None:
    ascending = Children(LEAVES, SEQ, ("id", "seq"), RECORD)
    descending = Children(LEAVES, Order(("seq",), (True,), (False,)), ("id", "seq"), RECORD)
    assert await tree.found(ascending, tree.branches) == {0: [0, 1, 2], 2: [20], 3: [30, 31, 32, 33, 34]}
    assert await tree.found(descending, tree.branches[::-1]) == {0: [2, 1, 0], 2: [20], 3: [34, 33, 32, 31, 30]}


async def test_children_are_found_through_another_table(tree: Tree) -> None:
    source = Source("leaves", "", through=Through("holders", "holder_id", "leaf_id"))
    batch = Children(source, Order(("seq", "id"), (False, False), (False, False)), ("id", "seq"), RECORD)
    assert await tree.found(batch, tree.branches) == {0: [0, 1, 2], 2: [20], 3: [30, 31, 32, 33, 34]}


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (page(2), {0: ([0, 1], True), 2: ([20], False), 3: ([30, 31], True)}),
        (page(3), {0: ([0, 1, 2], False), 2: ([20], False), 3: ([30, 31, 32], True)}),
        (page(2, backward=True), {0: ([1, 2], True), 2: ([20], False), 3: ([33, 34], True)}),
        (page(3, position=(1,)), {0: ([2], False), 2: ([20], False), 3: ([30, 31, 32], True)}),
        (
            page(9, conditions=(Condition("seq", "> {}"), Condition("seq", "< {}")), values=(0, 32)),
            {0: ([1, 2], False), 2: ([20], False), 3: ([30, 31], False)},
        ),
    ],
)
async def test_a_page_holds_so_many_and_says_whether_there_are_more(
    tree: Tree, batch: Page, expected: dict[int, Any]
) -> None:
    assert await tree.found(batch, tree.branches) == expected


async def test_children_are_counted(tree: Tree) -> None:
    found = await tree.found(Count(LEAVES, (), ()), tree.branches)
    assert found == dict(enumerate(SIZES))
    found = await tree.found(Count(LEAVES, (Condition("seq", "> {}"),), (0,)), tree.branches)
    assert found == {0: 2, 1: 0, 2: 1, 3: 5}


async def test_what_is_missing_is_nothing_that_could_be_changed() -> None:
    children = Children(LEAVES, SEQ, ("id",), RECORD)
    assert children.missing() == ()
    assert page(1).missing() == ((), False)
    assert page(1).missing() is page(2).missing()
