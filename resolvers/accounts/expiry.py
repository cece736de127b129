"""Removal of sessions that have long expired."""

from __future__ import annotations

import datetime

from gateway import Work, job, sql

KEPT = datetime.timedelta(days=7)
"""For how long a device that was signed in is still shown after its session has expired."""
MOST_SESSIONS = 100


@job("expire_sessions", schedule="17 3 * * *")
async def expire_sessions(work: Work) -> None:
    """Remove sessions a week after they expired. What was done in them stays, without a link to its session."""
    await work.exhaust(sql.accounts.session.expire, after=KEPT, most=MOST_SESSIONS)
