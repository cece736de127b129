"""Jobs that failed or that nobody takes are found."""

from __future__ import annotations

import asyncpg
import pytest

from gateway.config import Settings
from gateway.doctor.checks.work import QUEUE, jobs
from tests.gateway.doctor.checking import execute, paste, problems, run_check
from tests.kit.database import Database

ENQUEUE = """
INSERT INTO parley_work.pgqueuer (priority, status, entrypoint, execute_after, heartbeat)
VALUES (0, '{status}', 'archive', now() - interval '{age}', now() - interval '{age}')
"""


@pytest.fixture
async def queue(database: Database, installed: Settings) -> None:
    """There is a queue in this version."""
    connection = await asyncpg.connect(database.owner_url)
    found = await connection.fetchval("SELECT to_regclass($1)", QUEUE)
    await connection.close()
    if found is None:
        pytest.skip("this version has no background jobs")


async def test_database_without_jobs_is_not_checked(database: Database, installed: Settings) -> None:
    connection = await asyncpg.connect(database.owner_url)
    found = await connection.fetchval("SELECT to_regclass($1)", QUEUE)
    await connection.close()
    assert (await run_check(jobs, installed)).status == ("ok" if found else "not checked")


@pytest.mark.usefixtures("queue")
@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("failed", "1 archive job failed for good"),
        ("queued", "1 job waited for too long"),
        ("picked", "1 job waited for too long, or were left by a process that died: archive"),
    ],
)
async def test_job_that_goes_wrong_is_found(database: Database, installed: Settings, status: str, said: str) -> None:
    await execute(database, ENQUEUE.format(status=status, age="5 minutes"))
    assert len(await problems(jobs, installed)) == (status == "failed")
    await execute(database, "DELETE FROM parley_work.pgqueuer", ENQUEUE.format(status=status, age="20 minutes"))
    (finding,) = await problems(jobs, installed)
    assert said in finding.problem
    if status == "failed":
        await paste(finding, installed)
        assert await problems(jobs, installed) == []
    else:
        assert finding.command == "parley work"
    await execute(database, "DELETE FROM parley_work.pgqueuer")
    assert await problems(jobs, installed) == []


@pytest.mark.usefixtures("queue")
async def test_running_job_is_not_late_while_its_lease_lasts(database: Database, installed: Settings) -> None:
    await execute(database, ENQUEUE.format(status="picked", age="20 minutes"))
    assert await problems(jobs, installed.model_copy(update={"work_lease_seconds": 3600})) == []
    assert len(await problems(jobs, installed)) == 1
    await execute(database, "DELETE FROM parley_work.pgqueuer")
