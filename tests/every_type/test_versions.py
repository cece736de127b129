"""The version of every row is that of its last change, by which `Query.changes` knows which change is the last."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.estate import Scene
from tests.kit.generated import tables

_DIFFERENT = """
SELECT t.id, t.version, c.last
FROM parley.{table} AS t
LEFT JOIN LATERAL (
    SELECT max(changes.version) AS last
    FROM parley.changes
    WHERE changes.user_id = t.user_id AND changes.entity = '{table}' AND changes.entity_id = t.id
) AS c ON true
WHERE t.user_id = $1 AND t.version IS DISTINCT FROM c.last
"""


@pytest.mark.parametrize("table", tables())
async def test_a_row_has_the_version_of_its_last_change(scene: Scene, table: str) -> None:
    owner = scene.victim.user_id
    assert await scene.superuser.fetchval(f"SELECT count(*) FROM parley.{table} WHERE user_id = $1", owner)  # noqa: S608
    assert await scene.superuser.fetch(_DIFFERENT.format(table=table), owner) == []


async def test_changes_from_the_beginning_are_all_objects(scene: Scene) -> None:
    """Each once, at the version that it has."""
    operation = """
        query($after: Cursor) {
          changes(after: $after, first: 10) { nodes { id node { id version } } pageInfo { endCursor hasNextPage } }
        }
    """
    found: list[Any] = []
    after, more = None, True
    while more:
        page = (await scene.victim.client.data(operation, after=after))["changes"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        found += page["nodes"]
    assert all(change["node"]["id"] == change["id"] for change in found)
    ids = [id for of in scene.victim.ids.values() for id in of]
    assert sorted(change["id"] for change in found) == sorted(ids)
