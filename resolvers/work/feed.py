"""Pruning of the change feed, which would otherwise take as much room as what it tells of."""

from __future__ import annotations

import datetime

from gateway import Work, job, sql

MOST_CHANGES = 200
"""Changes removed in one transaction, during which the user's writers wait: about 5 ms."""


@job("prune_feed", schedule="23 * * * *")
async def prune_feed(work: Work) -> None:
    """Remove changes that are older than `PARLEY_FEED_DAYS`. Cursors before them get RESYNC."""
    keep = datetime.timedelta(days=work.settings.feed_days)
    await work.exhaust(sql.feed.changes.prune, keep=keep, most=MOST_CHANGES)
