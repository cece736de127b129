"""`parley jobs` shows what waits, runs and has failed, and queues it again."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from gateway.data.queries import sql
from gateway.monitoring.exposition import written
from gateway.monitoring.metrics import samples_of_work
from gateway.work.counts import WorkCounts
from gateway.work.worker import waiting
from tests.gateway.work.processes import ROOT, Works
from tests.kit.environment import without_settings


async def jobs(works: Works, *arguments: str) -> tuple[int, str]:
    """The exit status of `parley jobs`, and what it prints."""
    process = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", "jobs", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(works.directory),
        env={
            **without_settings(),
            "PYTHONPATH": str(ROOT),
            "PARLEY_LOG_FORMAT": "text",
            "PARLEY_DATABASE_URL": works.database.runtime_url,
            "PARLEY_DATA_DIR": str(works.directory),
        },
    )
    return process.returncode, process.stdout + process.stderr


async def test_a_poison_job_is_listed_counted_and_queued_again(works: Works) -> None:
    user_id = await works.user()
    id = await works.ask(user_id, "poison_of_user")
    await works.start("poison_of_user")
    await works.until("SELECT status = 'failed' FROM jobs WHERE id = $1", id)
    await works.until("SELECT EXISTS (SELECT FROM parley_work.pgqueuer WHERE status = 'failed')")
    number = await works.superuser.fetchval("SELECT id FROM parley_work.pgqueuer")
    status, said = await jobs(works)
    assert status == 0
    line = next(line for line in said.splitlines() if "poison_of_user" in line)
    assert re.match(rf"{number} +poison_of_user +failed +2 +\S+ \S+ +It failed in each of 2 tries", line), said
    counts = WorkCounts(waiting=waiting(await works.queue.rows(sql.work.queue.counts)))
    text, _ = written({1: samples_of_work(counts)})
    assert b'parley_jobs_failed{kind="poison_of_user",worker="1"} 1.0' in text
    for worker in works.workers:
        await worker.kill()
    assert await jobs(works, "retry", str(number)) == (0, "Queued 1 failed job again.\n")
    assert await works.superuser.fetchval("SELECT status FROM jobs WHERE id = $1", id) == "queued"


async def test_the_schedule_is_listed_and_a_job_runs_now(works: Works) -> None:
    assert await jobs(works, "run", "prune_feed") == (0, "Queued prune_feed.\n")
    assert await jobs(works, "run", "prune_feed") == (0, "prune_feed is in the queue already.\n")
    _, said = await jobs(works, "list")
    assert re.search(r"prune_feed +queued +0", said)
    assert re.search(r"purge_trash +0 3 \* \* \*", said)


async def test_what_does_not_exist_is_refused(works: Works) -> None:
    status, said = await jobs(works, "run", "nothing")
    assert (status, said.startswith("parley: There is no scheduled job 'nothing'. There are: ")) == (1, True)
    assert await jobs(works, "retry", "7") == (1, "parley: No failed job has the number 7. List them: parley jobs\n")
    assert await jobs(works, "retry", "all") == (0, "Queued 0 failed jobs again.\n")
    status, said = await jobs(works, "retry")
    assert (status, said.startswith("parley: Write: parley jobs, parley jobs retry ID")) == (2, True)
