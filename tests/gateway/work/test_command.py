"""`parley work` runs the jobs of the domains, and `parley serve` does not if it is told so."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE

from tests.gateway.work.processes import PATIENCE_SECONDS, ROOT, Works
from tests.kit.environment import without_settings
from tests.kit.serving import serving_on

WORKS = "Parley runs background jobs"
IS_EMPTY = "SELECT NOT EXISTS (SELECT FROM parley_work.pgqueuer)"


async def test_a_process_works_without_a_port_until_a_signal(works: Works) -> None:
    settings = {"PARLEY_DATABASE_URL": works.database.runtime_url, "PARLEY_DATA_DIR": str(works.directory)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "work"),
        env={**without_settings(), "PYTHONPATH": str(ROOT), "PARLEY_LOG_FORMAT": "text", **settings},
        cwd=works.directory,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while WORKS not in (line := (await process.stderr.readline()).decode()):
                assert line, "it ended"
        await works.queue.add("prune_feed")
        await works.until(IS_EMPTY)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert "Stopped." in (await process.stderr.read()).decode()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_gateway_works_if_it_is_to(works: Works) -> None:
    await works.queue.add("prune_feed")
    async with serving_on(works.database, works.directory, work=False) as serving:
        user = await serving.signed_up()
        job = await user.make("archiveConversations", "job", "id status", inactiveMonths=6)
        assert job["status"] == "QUEUED"
    assert not await works.superuser.fetchval(IS_EMPTY)
    async with serving_on(works.database, works.directory, work=True):
        await works.until(IS_EMPTY)
    assert await works.superuser.fetchval("SELECT status FROM jobs WHERE id = $1", job["id"]) == "done"
