"""Jobs for tests, whose effects can be counted."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid

from gateway import Work, job
from gateway.data.queries import Query, parse
from gateway.errors import Conflict

STEPS = 3
"""The effects of one `steps` job."""


def _query(text: str) -> Query:
    return parse("toys", text)


STEP = _query("""
INSERT INTO conversations (user_id, id, title)
SELECT :user_id, :id, 'a step'
WHERE NOT EXISTS (SELECT FROM conversations WHERE user_id = :user_id AND id = :id)
RETURNING id
""")
NOTE = _query("INSERT INTO public.notes (job, at) VALUES (:job, clock_timestamp()) RETURNING at")


@job("steps", tries=20, first_delay_seconds=0.1)
async def steps(work: Work) -> None:
    """Create a conversation in each step. A second run finds those that exist."""
    assert work.job_id is not None
    for step in range(STEPS):
        async with work.transaction() as db:
            await db.row(STEP, id=uuid.uuid5(work.job_id, str(step)))
        await asyncio.sleep(0.02)  # so that some processes are killed between two steps
        await work.progress(step + 1, STEPS)


@job("poison", tries=3, first_delay_seconds=0.05)
async def poison(work: Work) -> None:
    """Fail, each time."""
    await work.rows(NOTE, job="poison")
    raise ValueError("a secret that people wrote")


@job("poison_of_user", tries=2, first_delay_seconds=0.05)
async def poison_of_user(work: Work) -> None:
    """Fail, each time."""
    raise ValueError("a secret that people wrote")


@job("refused", tries=3)
async def refused(work: Work) -> None:
    """Fail for a reason that another try would meet again."""
    await work.rows(NOTE, job="refused")
    raise Conflict("The account is closed.")


@job("killer", tries=2, first_delay_seconds=0.05)
async def killer(work: Work) -> None:
    """End the process, as running out of memory would."""
    await work.rows(NOTE, job="killer")
    os.kill(os.getpid(), signal.SIGKILL)


@job("endless", first_delay_seconds=0.05)
async def endless(work: Work) -> None:
    """Work until it is cancelled or its process stops."""
    await work.rows(NOTE, job="endless")
    done = work.done
    while True:
        done += 1
        await asyncio.sleep(0.01)
        await work.progress(done)


@job("tick", schedule="* * * * * */2")
async def tick(work: Work) -> None:
    """Note each even second."""
    await work.rows(NOTE, job="tick")
