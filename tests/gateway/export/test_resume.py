"""An export whose worker is killed goes on after its last part: no object is missing or doubled."""

from __future__ import annotations

import asyncio
import datetime
import io
import json
import signal
import uuid
import zipfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from gateway.export.archive import zipped
from gateway.export.parts import PART_BYTES
from tests.gateway.work.processes import Worker, Works, works_on
from tests.kit.database import Database

KILLS = 3
MESSAGES = 3000
TALK = """
    WITH talk AS (INSERT INTO conversations (user_id, title) VALUES ($1, 'long') RETURNING id)
    SELECT id FROM talk
"""
# Texts that hardly compress, so that there are many parts.
SPEAK = """
    INSERT INTO messages (user_id, conversation_id, role, content)
    SELECT $1, $2, 'user', (SELECT string_agg(md5(n::text || k), '') FROM generate_series(1, 128) AS k)
    FROM generate_series(1, $3) AS n
"""
PARTS = "SELECT count(*) FROM export_parts WHERE user_id = $1"


@pytest_asyncio.fixture(loop_scope="module")
async def works(database: Database, tmp_path: Path) -> AsyncIterator[Works]:
    """An empty queue on the module's database."""
    async with works_on(database, tmp_path) as made:
        yield made


async def talker(works: Works, messages: int) -> uuid.UUID:
    """A user with so many long messages."""
    user_id = await works.user()
    async with works.superuser.transaction():
        await works.superuser.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
        talk = await works.superuser.fetchval(TALK, user_id)
        await works.superuser.execute(SPEAK, user_id, talk, messages)
    return user_id


async def archive_of(superuser: asyncpg.Connection, user_id: uuid.UUID) -> zipfile.ZipFile:
    """The stored export."""
    rows = await superuser.fetch("SELECT file, content FROM export_parts WHERE user_id = $1 ORDER BY position", user_id)

    async def parts() -> AsyncIterator[tuple[str, bytes]]:
        for row in rows:
            yield row["file"], row["content"]

    pieces = zipped(parts(), datetime.datetime.now(datetime.UTC), 0, asyncio.Lock())
    return zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in pieces])))


async def test_a_worker_that_was_frozen_adds_nothing_to_what_another_has_finished(works: Works) -> None:
    user_id = await talker(works, MESSAGES)
    await works.ask(user_id, "export")
    frozen = await works.start("export")
    await works.until(f"SELECT ({PARTS}) > 4", user_id)
    frozen.signal(signal.SIGSTOP)
    await works.start("export")
    await works.until("SELECT status = 'done' FROM jobs WHERE user_id = $1", user_id)
    parts = await works.superuser.fetchval(PARTS, user_id)
    frozen.signal(signal.SIGCONT)
    assert await frozen.stop() == 0
    assert await works.superuser.fetchval(PARTS, user_id) == parts
    assert await works.superuser.fetchval("SELECT status FROM jobs WHERE user_id = $1", user_id) == "done"
    lines = (await archive_of(works.superuser, user_id)).read("Message.jsonl").splitlines()
    ids = await works.superuser.fetch("SELECT id::text FROM messages WHERE user_id = $1 ORDER BY id", user_id)
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in ids]


@pytest.mark.timeout(240)
async def test_no_object_is_missing_or_doubled_after_kills(works: Works) -> None:
    user_id = await talker(works, MESSAGES)
    await works.ask(user_id, "export")
    for kill in range(KILLS):
        worker = await works.start("export")
        await works.until(f"SELECT ({PARTS}) > $2", user_id, 5 + 6 * kill)
        await worker.kill()
        assert await works.superuser.fetchval("SELECT status FROM jobs WHERE user_id = $1", user_id) == "running"
    await works.start("export")
    await works.until_empty()
    job = await works.superuser.fetchrow("SELECT status, done, total, attempts FROM jobs WHERE user_id = $1", user_id)
    assert job is not None
    assert (job["status"], job["attempts"]) == ("done", KILLS + 1)
    archive = await archive_of(works.superuser, user_id)
    assert archive.testzip() is None
    lines = [json.loads(line) for line in archive.open("Message.jsonl")]
    expected = await works.superuser.fetch(
        "SELECT id::text, content FROM messages WHERE user_id = $1 ORDER BY id", user_id
    )
    assert [(line["id"], line["content"]) for line in lines] == [tuple(row) for row in expected]
    number = sum(len(archive.read(name).splitlines()) for name in archive.namelist() if name.endswith(".jsonl"))
    assert number == job["done"] == job["total"]


async def test_nothing_is_left_of_a_cancelled_export(works: Works) -> None:
    user_id = await talker(works, MESSAGES)
    await works.ask(user_id, "export")
    await works.start("export")
    await works.until(f"SELECT ({PARTS}) > 3", user_id)
    async with works.superuser.transaction():
        await works.superuser.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
        await works.superuser.execute("UPDATE jobs SET status = 'cancelled' WHERE user_id = $1", user_id)
    await works.until_empty()
    assert await works.superuser.fetchval("SELECT status FROM jobs WHERE user_id = $1", user_id) == "cancelled"
    assert await works.superuser.fetchval(PARTS, user_id) == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell how much memory was used")
async def test_memory_does_not_grow_with_the_export(works: Works) -> None:
    user_id = await talker(works, 2 * MESSAGES)
    worker = await works.start("export")
    await works.ask(user_id, "export")
    await works.until(f"SELECT ({PARTS}) > 4", user_id)
    before = most_memory(worker)
    await works.until_empty()
    texts = await works.superuser.fetchval("SELECT sum(size) FROM export_parts WHERE user_id = $1", user_id)
    assert texts > 25_000_000
    assert most_memory(worker) - before < texts / 2


def most_memory(worker: Worker) -> int:
    """The most bytes that a process has had in memory so far."""
    (line,) = [line for line in worker.status().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


async def test_a_part_holds_no_more_than_a_batch(works: Works) -> None:
    user_id = await talker(works, 300)
    await works.ask(user_id, "export")
    await works.start("export")
    await works.until_empty()
    parts = await works.superuser.fetch("SELECT content, size FROM export_parts WHERE user_id = $1", user_id)
    assert len(parts) > 3
    assert [len(zlib.decompress(part["content"])) for part in parts] == [part["size"] for part in parts]
    assert max(part["size"] for part in parts) < PART_BYTES + 10_000  # one object more
