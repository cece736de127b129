"""Worker processes that tests start and kill, and what they have done."""

from __future__ import annotations

import asyncio
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from gateway.data.pool import Pool
from gateway.work.driver import SEES_THE_QUEUE
from gateway.work.queue import Asked, Queue
from tests.gateway.work.worker import WORKS
from tests.kit.database import Database
from tests.kit.environment import without_settings

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 60


@dataclass(slots=True)
class Worker:
    """One process, started and killed as often as need be."""

    url: str
    directory: Path
    names: tuple[str, ...]
    _process: Process | None = None

    async def start(self) -> None:
        """Start it, and return once it works."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.gateway.work.worker", self.url, str(self.directory), *self.names),
            cwd=ROOT,
            env={**without_settings(), "PYTHONPATH": str(ROOT)},
            stdin=PIPE,
            stdout=PIPE,
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await self._process.stdout.readline()).decode().strip() == WORKS

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def status(self) -> str:
        """What Linux tells about the process."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/status").read_text("utf-8")

    async def kill(self) -> None:
        """End it as a power failure would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def ended(self) -> int:
        """Its exit status, once it has ended by itself."""
        assert self._process is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        return await self.ended()


@dataclass(slots=True)
class Works:
    """A database with a queue, and its worker processes."""

    database: Database
    superuser: asyncpg.Connection
    queue: Queue
    directory: Path
    workers: list[Worker] = field(default_factory=list)

    async def start(self, *names: str) -> Worker:
        """Start a process that runs the jobs of these names."""
        worker = Worker(self.database.runtime_url, self.directory, names)
        self.workers.append(worker)
        await worker.start()
        return worker

    async def user(self) -> uuid.UUID:
        """A new user."""
        user_id = uuid.uuid4()
        async with self.superuser.transaction():
            await self.superuser.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
            await self.superuser.execute(
                "INSERT INTO users (user_id, id, email) VALUES ($1, $1, $2)", user_id, f"{user_id}@example.org"
            )
        return user_id

    async def ask(self, user_id: uuid.UUID, kind: str, *, lost: bool = False) -> uuid.UUID:
        """A job of the user, in the queue unless it was `lost` on the way."""
        async with self.superuser.transaction():
            await self.superuser.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
            id: uuid.UUID = await self.superuser.fetchval(
                "INSERT INTO jobs (user_id, kind) VALUES ($1, $2) RETURNING id", user_id, kind
            )
        if not lost:
            assert await self.queue.add(kind, Asked(user_id, id))
        return id

    async def until(self, condition: str, *arguments: Any) -> None:
        """Return once a query says true."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.superuser.fetchval(condition, *arguments):  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.05)

    async def until_empty(self) -> None:
        """Return once nothing is queued or running."""
        await self.until("SELECT NOT EXISTS (SELECT FROM parley_work.pgqueuer WHERE status IN ('queued', 'picked'))")

    async def noted(self, job: str) -> int:
        """How often a job has noted that it ran."""
        found: int = await self.superuser.fetchval("SELECT count(*) FROM public.notes WHERE job = $1", job)
        return found


@asynccontextmanager
async def works_on(database: Database, directory: Path) -> AsyncIterator[Works]:
    """An empty queue on a database. No process is left at the end."""
    superuser = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley", **SEES_THE_QUEUE})
    await superuser.execute("""
        CREATE TABLE IF NOT EXISTS public.notes (job text, at timestamptz);
        GRANT USAGE ON SCHEMA public TO parley_runtime;
        GRANT INSERT, SELECT ON public.notes TO parley_runtime;
        TRUNCATE public.notes, parley_work.pgqueuer, parley_work.pgqueuer_log, parley_work.pgqueuer_schedules;
    """)
    # As for a database that was migrated, and not cloned.
    await superuser.execute(f"REVOKE TEMPORARY ON DATABASE {database.name} FROM PUBLIC")
    pool = await Pool.open(database.runtime_url, size=2, server_settings=SEES_THE_QUEUE)
    works = Works(database, superuser, Queue(pool, asyncio.Event()), directory)
    try:
        yield works
    finally:
        for worker in works.workers:
            await worker.kill()
        await pool.close()
        await superuser.close()
