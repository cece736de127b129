"""The embedded server survives Ctrl-C, its own crash and its users', and leaves with the last of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest

from gateway.data.server.embedded import EmbeddedDatabase, is_made
from gateway.data.server.programs import EmbeddedDatabaseError
from tests.kit.database import data_directory

LITTLE = {"shared_buffers": "16MB", "fsync": "off"}

USER_OF_THE_SERVER = """
import asyncio, sys
from pathlib import Path
from gateway.config import Settings
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.telemetry.log import configure_logging

async def main():
    configure_logging(Settings())
    embedded = await EmbeddedDatabase.start(Path(sys.argv[1]), {"shared_buffers": "16MB", "fsync": "off"})
    print(embedded.process_id, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await embedded.stop()

asyncio.run(main())
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory of this test alone."""
    with data_directory() as directory:
        yield directory


@asynccontextmanager
async def another_process(data_dir: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A second process that uses the server until the block ends, and the server's process id."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", USER_OF_THE_SERVER, str(data_dir)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def started(data_dir: Path) -> AsyncIterator[EmbeddedDatabase]:
    embedded = await EmbeddedDatabase.start(data_dir, LITTLE)
    try:
        yield embedded
    finally:
        await embedded.stop()


async def answer(url: str, query: str = "SELECT 42") -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_first_start_makes_a_database_that_answers(data_dir: Path) -> None:
    async with started(data_dir) as embedded:
        assert await answer(embedded.owner_url, "SELECT current_database()") == "parley"
        assert await answer(embedded.owner_url, "SHOW shared_buffers") == "16MB"
        assert await answer(embedded.owner_url, "SHOW listen_addresses") == ""


async def test_what_was_committed_is_there_after_a_restart(data_dir: Path) -> None:
    async with started(data_dir) as embedded:
        await answer(embedded.owner_url, "CREATE TABLE kept AS SELECT 7 AS value")
    async with started(data_dir) as embedded:
        assert await answer(embedded.owner_url, "SELECT value FROM kept") == 7


async def test_processes_share_the_server_and_the_last_one_stops_it(data_dir: Path) -> None:
    async with another_process(data_dir) as (_, server):
        first = await EmbeddedDatabase.start(data_dir, LITTLE)
        assert first.process_id == server
        await first.stop()
        assert runs(server)
    assert not runs(server)


async def test_many_starts_at_once_make_one_server(data_dir: Path) -> None:
    shares = await asyncio.gather(*(EmbeddedDatabase.start(data_dir, LITTLE) for _ in range(5)))
    assert len({share.process_id for share in shares}) == 1
    await asyncio.gather(*(share.stop() for share in shares))
    assert shares[0].process_id is None


async def test_killed_user_does_not_count_as_a_user(data_dir: Path) -> None:
    async with another_process(data_dir) as (process, server):
        process.kill()
        await process.wait()
    assert runs(server)
    async with started(data_dir) as embedded:
        assert embedded.process_id == server
    assert not runs(server)


async def test_start_after_user_and_server_were_killed_together(data_dir: Path) -> None:
    async with another_process(data_dir) as (process, server):
        os.kill(server, signal.SIGKILL)
        process.kill()
        await process.wait()
    async with started(data_dir) as embedded:
        assert embedded.process_id != server
        assert await answer(embedded.owner_url) == 42


async def test_killed_server_is_brought_back(data_dir: Path) -> None:
    async with started(data_dir) as embedded:
        assert not await embedded.ensure_running()
        await kill(embedded)
        assert await embedded.ensure_running()
        assert await answer(embedded.owner_url) == 42


async def test_supervisor_brings_a_killed_server_back(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.data.server.embedded.WATCH_SECONDS", 0.01)
    async with started(data_dir) as embedded:
        back = asyncio.Event()
        ensure_running = embedded.ensure_running

        async def noticed() -> bool:
            restarted = await ensure_running()
            if restarted:
                back.set()
            return restarted

        monkeypatch.setattr(embedded, "ensure_running", noticed)
        guardian = asyncio.create_task(embedded.supervise())
        await kill(embedded)
        await back.wait()
        guardian.cancel()
        assert await answer(embedded.owner_url) == 42


async def test_lock_file_with_the_number_of_another_program_does_not_block_the_start(data_dir: Path) -> None:
    async with started(data_dir) as embedded:
        await kill(embedded)
        lock = data_dir / "postgres" / "postmaster.pid"
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        assert await embedded.ensure_running()
        assert await answer(embedded.owner_url) == 42


async def test_interrupted_creation_is_begun_anew(data_dir: Path) -> None:
    unfinished = data_dir / "postgres.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18\n")
    async with started(data_dir) as embedded:
        assert await answer(embedded.owner_url) == 42
    assert not unfinished.exists()


async def test_directory_of_another_version_is_refused_with_what_to_do(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedDatabaseError, match=r"created by PostgreSQL 16(.|\n)*parley restore"):
        await EmbeddedDatabase.start(data_dir)


async def test_long_data_directory_still_gets_a_socket(data_dir: Path) -> None:
    deep = data_dir / ("d" * 100)
    async with started(deep) as embedded:
        assert str(deep) not in embedded.owner_url
        elsewhere = Path(parse_qs(urlsplit(embedded.owner_url).query)["host"][0])
        assert await answer(embedded.owner_url) == 42
    assert not await asyncio.to_thread(elsewhere.exists)


async def test_interrupt_of_our_process_group_does_not_reach_the_server(data_dir: Path) -> None:
    async with another_process(data_dir) as (process, server):
        assert os.getpgid(server) not in (process.pid, os.getpgrp())


def runs(process_id: int) -> bool:
    """Whether there is such a process; one that is dead and waits for its parent is none."""
    try:
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def kill(embedded: EmbeddedDatabase) -> None:
    """Kill the server, and return once it is gone."""
    server = psutil.Process(embedded.process_id)
    server.kill()
    await asyncio.to_thread(server.wait)


@pytest.mark.parametrize("below", ["", "further/down"])
async def test_data_directory_that_is_a_file_is_named(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(EmbeddedDatabaseError, match=r"file is not a directory\. Set PARLEY_DATA_DIR"):
        await EmbeddedDatabase.start(file / below, LITTLE)


def test_data_directory_that_we_may_not_enter_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    who = os.geteuid()
    if who == 0:
        os.seteuid(65534)  # root may enter every directory
    try:
        with pytest.raises(EmbeddedDatabaseError, match=r"Permission denied: .* Set PARLEY_DATA_DIR"):
            is_made(closed / "data")
        with pytest.raises(EmbeddedDatabaseError, match=r"Permission denied: .* Set PARLEY_DATA_DIR"):
            asyncio.run(EmbeddedDatabase.start(closed / "data", LITTLE))
    finally:
        os.seteuid(who)
