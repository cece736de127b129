"""Jobs are done by real processes: each once, whatever is killed or cut, and given up visibly."""

from __future__ import annotations

import asyncio
import signal

from tests.faults.chance import dice, scaled
from tests.gateway.work.processes import Works
from tests.gateway.work.toys import STEPS

JOBS = 60
"""At the scale of 1."""
KILLS = 2

OF_JOB = "SELECT status, attempts, done, error, started_at, finished_at FROM jobs WHERE id = $1"


async def test_every_job_is_done_once_though_each_worker_is_killed_twice(works: Works) -> None:
    user_ids = [await works.user() for _ in range(5)]
    ids = [await works.ask(user_ids[number % 5], "steps") for number in range(scaled(JOBS))]
    chance = dice("kills")

    async def lives(pauses: list[float]) -> None:
        worker = await works.start("steps")
        for pause in pauses:
            await asyncio.sleep(pause)
            await worker.kill()
            await worker.start()

    await asyncio.gather(*(lives([chance.uniform(0.05, 0.6) for _ in range(KILLS)]) for _ in range(3)))
    await works.until_empty()
    jobs = await works.superuser.fetch("SELECT status, done FROM jobs WHERE id = ANY ($1)", ids)
    assert [tuple(each) for each in jobs] == [("done", STEPS)] * len(ids)
    effects = await works.superuser.fetchval("SELECT count(*) FROM conversations WHERE user_id = ANY ($1)", user_ids)
    assert effects == STEPS * len(ids)
    assert not await works.superuser.fetchval("SELECT count(*) FROM parley_work.pgqueuer")


async def test_a_job_that_fails_each_time_is_given_up_after_its_tries(works: Works) -> None:
    await works.queue.add("poison")
    await works.start("poison")
    await works.until("SELECT EXISTS (SELECT FROM parley_work.pgqueuer WHERE status = 'failed')")
    assert await works.noted("poison") == 3
    logged = await works.superuser.fetch("SELECT traceback::text FROM parley_work.pgqueuer_log")
    assert any("It failed in each of 3 tries" in (row["traceback"] or "") for row in logged)
    assert not any("secret" in (row["traceback"] or "") for row in logged)


async def test_a_users_job_that_fails_each_time_says_so_in_its_row(works: Works) -> None:
    id = await works.ask(await works.user(), "poison_of_user")
    await works.start("poison_of_user")
    await works.until("SELECT status = 'failed' FROM jobs WHERE id = $1", id)
    row = await works.superuser.fetchrow(OF_JOB, id)
    assert row is not None
    assert row["attempts"] == 2
    assert row["error"].startswith("It failed in each of 2 tries. The last reason: An internal error (")
    assert row["started_at"] < row["finished_at"]


async def test_a_job_that_is_refused_is_not_tried_again(works: Works) -> None:
    id = await works.ask(await works.user(), "refused")
    await works.start("refused")
    await works.until("SELECT status = 'failed' FROM jobs WHERE id = $1", id)
    await works.until_empty()
    assert await works.noted("refused") == 1
    assert await works.superuser.fetchval("SELECT error FROM jobs WHERE id = $1", id) == "The account is closed."


async def test_a_job_that_kills_its_process_is_given_up_as_well(works: Works) -> None:
    id = await works.ask(await works.user(), "killer")
    worker = await works.start("killer")
    for _ in range(2):
        assert await worker.ended() == -signal.SIGKILL
        await worker.start()
    await works.until("SELECT status = 'failed' FROM jobs WHERE id = $1", id)
    assert await works.noted("killer") == 2


async def test_a_failed_job_is_queued_again_with_all_its_tries(works: Works) -> None:
    await works.queue.add("poison")
    await works.start("poison")
    await works.until("SELECT EXISTS (SELECT FROM parley_work.pgqueuer WHERE status = 'failed')")
    assert await works.queue.requeue_failed() == [None]
    await works.until("SELECT count(*) = 6 FROM public.notes")
    await works.until("SELECT EXISTS (SELECT FROM parley_work.pgqueuer WHERE status = 'failed')")
    assert await works.noted("poison") == 6


async def test_a_schedule_runs_once_however_many_processes_there_are(works: Works) -> None:
    for _ in range(3):
        await works.start("tick")
    await works.until("SELECT count(*) >= 4 FROM public.notes WHERE job = 'tick'")
    moments = await works.superuser.fetch("SELECT at FROM public.notes WHERE job = 'tick' ORDER BY at")
    slots = [int(row["at"].timestamp()) // 2 for row in moments]
    assert len(slots) == len(set(slots)), moments


async def test_a_cancelled_job_stops(works: Works) -> None:
    user_id = await works.user()
    id = await works.ask(user_id, "endless")
    await works.start("endless")
    await works.until("SELECT done > 0 FROM jobs WHERE id = $1", id)
    async with works.superuser.transaction():
        await works.superuser.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
        await works.superuser.execute("UPDATE jobs SET status = 'cancelled' WHERE id = $1", id)
    await works.until_empty()
    assert await works.superuser.fetchval("SELECT status FROM jobs WHERE id = $1", id) == "cancelled"


async def test_a_process_that_stops_hands_its_jobs_over_without_counting_a_try(works: Works) -> None:
    id = await works.ask(await works.user(), "endless")
    worker = await works.start("endless")
    await works.until("SELECT done > 0 FROM jobs WHERE id = $1", id)
    assert await worker.stop() == 0
    row = await works.superuser.fetchrow("SELECT status::text, headers ->> 'starts' FROM parley_work.pgqueuer")
    assert row is not None
    assert tuple(row) == ("queued", "0")
    await works.start("endless")
    await works.until("SELECT count(*) = 2 FROM public.notes WHERE job = 'endless'")
    assert await works.superuser.fetchval("SELECT attempts FROM jobs WHERE id = $1", id) == 1


async def test_a_cut_connection_is_opened_again(works: Works) -> None:
    user_id = await works.user()
    await works.start("steps")
    before = [await works.ask(user_id, "steps") for _ in range(10)]
    await works.superuser.execute("""
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name IN ('parley', 'parley-work')
    """)
    after = [await works.ask(user_id, "steps") for _ in range(10)]
    await works.until_empty()
    done = await works.superuser.fetchval(
        "SELECT count(*) FROM jobs WHERE id = ANY ($1) AND status = 'done'", before + after
    )
    assert done == 20


async def test_a_job_whose_entry_was_lost_is_found(works: Works) -> None:
    user_id = await works.user()
    lost, queued = await works.ask(user_id, "steps", lost=True), await works.ask(user_id, "steps")
    found = await works.superuser.fetch("SELECT job_id FROM jobs_waiting('0 seconds') WHERE job_user_id = $1", user_id)
    assert [row["job_id"] for row in found] == [lost]
    assert queued != lost
