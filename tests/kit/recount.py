"""Compare the stored sums with a recount of the rows that they summarise."""

from __future__ import annotations

from typing import Any

import asyncpg

from tests.kit import samples

FEEDS = """
SELECT f.user_id AS id, to_jsonb(f.version) AS kept, jsonb_build_array(count(c.version), max(c.version)) AS counted
FROM feeds AS f
LEFT JOIN changes AS c ON c.user_id = f.user_id
GROUP BY f.user_id, f.version, f.pruned
HAVING f.version <> coalesce(max(c.version), 0) OR f.version - f.pruned <> count(c.version)
"""

ROLLUPS = "SELECT parent, column_name, recount FROM rollups()"


async def differences(owner: asyncpg.Connection) -> list[dict[str, Any]]:
    """The stored sums that differ from a recount: those of feeds, all roll-ups, and the `SUMS` of all samples.

    The connection must be the superuser's, so that it sees the rows of all users.
    """
    rollups = [
        f"SELECT p.id, jsonb_build_object('{column}', p.{column}) AS kept, to_jsonb({recount}) AS counted"  # noqa: S608
        f" FROM {parent} AS p WHERE p.{column} IS DISTINCT FROM {recount}"
        for parent, column, recount in await owner.fetch(ROLLUPS)
    ]
    return [dict(row) for text in (*samples.sums(), FEEDS, *rollups) for row in await owner.fetch(text)]
