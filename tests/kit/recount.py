"""The sums that are kept up to date, counted again from the rows that they sum."""

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


async def differences(owner: asyncpg.Connection) -> list[dict[str, Any]]:
    """Everything whose sums are not what a recount gives: feeds, and what samples name. Ask as the superuser."""
    return [dict(row) for text in (*samples.sums(), FEEDS) for row in await owner.fetch(text)]
