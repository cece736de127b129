"""Removal of jobs that ended long ago."""

from __future__ import annotations

import datetime

from gateway import Work, job, sql

KEPT = datetime.timedelta(days=30)
"""For how long a user sees what came of a job."""
MOST_JOBS = 100


@job("expire_jobs", schedule="47 3 * * *")
async def expire_jobs(work: Work) -> None:
    """Remove jobs 30 days after they were done, failed or cancelled."""
    await work.exhaust(sql.work.job.expire, after=KEPT, most=MOST_JOBS)
