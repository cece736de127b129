"""The log of the job queue, which has a row for each step of each job."""

from __future__ import annotations

import datetime

from gateway import Work, job, sql

KEPT = datetime.timedelta(days=30)
MOST_ROWS = 2_000


@job("expire_work_log", schedule="41 2 * * *")
async def expire_work_log(work: Work) -> None:
    """Remove rows of the log that are older than 30 days."""
    await work.exhaust(sql.work.queue.forget, keep=KEPT, most=MOST_ROWS)
