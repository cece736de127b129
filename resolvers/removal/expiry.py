"""Removal of rows some time after a moment, of each table whose migration calls `add_expiry()`."""

from __future__ import annotations

import random

from gateway import Work, job, sql

MOST_ROWS = 100


@job("expire", schedule="*/10 * * * *")
async def expire(work: Work) -> None:
    """Remove rows that were kept as long as their tables say, such as sessions that have long expired."""
    tables = await work.rows(sql.removal.expiry.tables)
    random.shuffle(tables)  # so that a table whose rows cannot be removed does not always keep the same others waiting
    for table in tables:
        await work.exhaust(sql.removal.expiry.expire, table=table["name"], most=MOST_ROWS)
