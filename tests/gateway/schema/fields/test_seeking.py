"""A page of a long list reads little more than its own rows, wherever it continues from."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
import pytest_asyncio

from gateway.data import statements
from gateway.data.entity import entity_of
from gateway.data.statements import Source
from tests.gateway.schema.plain_table.memo import Memo, MemoOrder
from tests.kit.database import Database
from tests.kit.serving import Serving

ROWS = 6000
PAGE = 11
MORE = 8
"""How many more rows may be read than a page has: one part of a page may end where the next one begins."""

FILL = """
INSERT INTO memos (
    user_id, notebook_id, text, colour, points, label, is_done, tally, weight, due_at, day, price, urgency
)
SELECT $1, $2, 'text ' || n % 7, CASE WHEN n % 3 = 0 THEN 'green' ELSE 'yellow' END, nullif(n % 5, 0),
    (ARRAY['a', 'b', NULL])[1 + n % 3], n % 2 = 0, n % 4, n % 6 / 3.0,
    CASE WHEN n % 4 > 0 THEN timestamptz '2026-01-01 00:00Z' + n % 9 * interval '1 day' END,
    CASE WHEN n % 2 = 0 THEN date '2026-01-01' + n % 3 END, nullif(n % 4, 1),
    (ARRAY['low', 'medium', 'high', NULL])[1 + n % 4]
FROM generate_series(1, $3::int) AS n
"""
POSITIONS = "SELECT * FROM memos WHERE notebook_id = $1 ORDER BY md5(id::text) LIMIT 12"


@dataclass(frozen=True, slots=True)
class Reader:
    """The runtime role, stamped for a user who has a long list."""

    connection: asyncpg.Connection
    user_id: UUID
    notebook_id: UUID

    async def rows_read(self, text: str, *arguments: Any) -> int:
        """How many rows a statement reads from tables, those that it skips included. It must not have to sort."""
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {text}"
        (found,) = orjson.loads(await self.connection.fetchval(explained, self.user_id, self.notebook_id, *arguments))
        nodes = list(_nodes(found["Plan"]))
        assert not [node for node in nodes if "Sort" in node["Node Type"]], text
        scans = [node for node in nodes if "Relation Name" in node]
        return int(sum(node["Actual Loops"] * (node["Actual Rows"] + _skipped(node)) for node in scans))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _skipped(node: dict[str, Any]) -> float:
    return float(node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader(noted: Serving, noted_database: Database) -> AsyncIterator[Reader]:
    client = await noted.signed_up()
    assert client.user_id is not None
    notebook = UUID((await client.make("createNotebook", "notebook", title="Long"))["id"])
    owner = await asyncpg.connect(noted_database.owner_url, server_settings={"search_path": "parley"})
    await owner.execute(FILL, UUID(client.user_id), notebook, ROWS)
    await owner.execute("ANALYZE memos")
    await owner.close()
    connection = await asyncpg.connect(noted_database.runtime_url, server_settings={"search_path": "parley"})
    # As the gateway's connections are set, except that it may sort a few rows if that is cheaper.
    await connection.execute("SET jit = off; SET random_page_cost = 1.1; SET enable_sort = off")
    await connection.execute("SELECT set_config('app.user_id', $1, false)", client.user_id)
    yield Reader(connection, UUID(client.user_id), notebook)
    await connection.close()


@pytest.mark.parametrize("sort", [order.value for order in MemoOrder])
async def test_a_page_seeks_to_its_position(reader: Reader, sort: str) -> None:
    order = entity_of(Memo).total_order(sort)
    source = Source("memos", "notebook_id", deletable=True)
    seen = set()
    for backward in (False, True):
        first = statements.page(source, order, backward, (), None, ("id", "text"), one=True)
        assert await reader.rows_read(first, PAGE) <= PAGE
    for row, backward in itertools.product(await reader.connection.fetch(POSITIONS, reader.notebook_id), (False, True)):
        values = [row[name] for name in order.names]
        nulls = tuple(value is None for value in values)
        seen.add(nulls)
        position = [value for value in values if value is not None]
        page = statements.page(source, order, backward, (), nulls, ("id", "text"), one=True)
        assert await reader.rows_read(page, PAGE, *position) <= PAGE + MORE, page
        beyond = statements.beyond(source, order, backward, (), nulls, one=True)
        assert await reader.rows_read(beyond, *position) <= 1 + MORE, beyond
    assert len(seen) > 1 or not any(order.nullable), "a position with nulls has been tried"
