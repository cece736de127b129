"""Removal of rows some time after a moment, of each table whose migration calls `add_expiry()`."""

from __future__ import annotations

from gateway import Work, job, sql

MOST_ROWS = 100


@job("expire", schedule="*/10 * * * *")
async def expire(work: Work) -> None:
    """Remove rows that were kept as long as their tables say, such as sessions that have long expired."""
    for table in await work.rows(sql.removal.expiry.tables):
        await work.exhaust(sql.removal.expiry.expire, table=table["name"], most=MOST_ROWS)
