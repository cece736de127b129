"""Bulk inserts take their versions together, also where the feed spares columns that triggers write."""

from __future__ import annotations

import uuid

import asyncpg
import pytest

from gateway.data.setup.roles import RUNTIME

TABLE = """
CREATE TABLE heaps (user_id uuid REFERENCES users (user_id), id uuid DEFAULT uuid7(), name text, total integer);
SELECT tenant_table('heaps', without => '{deleted_at,request_hash}');
"""
BULK = "SELECT grant_columns('heaps', 'INSERT', '{total}'); SELECT add_bulk_insert('heaps');"
SPARES = "SELECT feed_spares('heaps', '{total,version,updated_at}');"
ORDERS = {"bulk first": BULK + SPARES, "spares first": SPARES + BULK, "bulk again": BULK + SPARES + BULK}

FEED = "SELECT version, op FROM changes WHERE user_id = $1 AND entity = 'heaps' ORDER BY version"
INSERT_ALL = """SELECT version, total FROM heaps_insert_all('[{"name": "a", "total": 7}, {"name": "b"}]')"""


@pytest.mark.parametrize("calls", ORDERS.values(), ids=ORDERS)
async def test_sparing_columns_and_bulk_inserts_go_together(owner: asyncpg.Connection, calls: str) -> None:
    await owner.execute(TABLE + calls)
    user_id = uuid.uuid4()
    await owner.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
    await owner.execute("INSERT INTO users (user_id, id, email) VALUES ($1, $1, 'heap@example.org')", user_id)
    await owner.execute(f"SET LOCAL ROLE {RUNTIME}")
    made = await owner.fetch(INSERT_ALL)
    first, second = [row["version"] for row in made]
    assert made[0]["total"] is None, "the role may not insert it"
    third = await owner.fetchval("INSERT INTO heaps (user_id, name) VALUES ($1, 'c') RETURNING version", user_id)
    assert (second, third) == (first + 1, first + 2)
    await owner.execute("UPDATE heaps SET name = 'd' WHERE name = 'c'")
    told = [(first, "insert"), (second, "insert"), (third, "insert"), (third + 1, "update")]
    assert [tuple(row) for row in await owner.fetch(FEED, user_id)] == told
    for change in (
        "INSERT INTO heaps (user_id, version) VALUES ($1, 1)",
        "UPDATE heaps SET total = 1 WHERE user_id = $1",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with owner.transaction():
                await owner.execute(change, user_id)
    await owner.execute("RESET ROLE")
    await owner.execute("SET LOCAL ROLE parley_owner")
    await owner.execute("UPDATE heaps SET total = 1")
    assert len(await owner.fetch(FEED, user_id)) == len(told)
