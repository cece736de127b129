"""What a running job works with: statements on behalf of users, its progress, and the moments at which it must stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from gateway.config import Settings
from gateway.data.driver.failure import translated_errors
from gateway.data.driver.stamp import Stamp
from gateway.data.pool import Pool
from gateway.data.queries import Query, sql
from gateway.data.tenancy import Tenant
from gateway.data.writing import Statements
from gateway.vault.vault import Vault
from gateway.work.api import Api

LONGEST_REST_SECONDS = 0.25
PROGRESS_SECONDS = 1.0


class Cancelled(Exception):
    """The user cancelled the job."""


class Stopping(Exception):
    """The process stops. Another one goes on with the job."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What the jobs of one process share."""

    pool: Pool
    settings: Settings
    committed: Callable[[UUID], None]
    """Called with a user after each transaction on their behalf."""
    stopping: asyncio.Event
    api: Api | None = None
    """For jobs that read what a user would read."""
    vault: Vault | None = None
    """For jobs that use the keys of users."""


class Work:
    """One run of a job."""

    def __init__(self, shared: Resources, *, user_id: UUID | None = None, job_id: UUID | None = None) -> None:
        self._shared = shared
        self.settings = shared.settings
        """The settings of the process."""
        self.job_id = job_id
        """The user's job; None for a scheduled one."""
        self.parameters: Mapping[str, Any] = {}
        """What the user's job is about: ids and numbers, by name."""
        self.done = 0
        """The items that earlier runs of the user's job have finished."""
        self._user_id = user_id
        self._loop = asyncio.get_running_loop()
        self._busy_since = self._loop.time()
        self._told_at = float("-inf")

    @property
    def user_id(self) -> UUID:
        """The user who asked for the job. Raises `RuntimeError` for a scheduled job, which nobody asked for."""
        if self._user_id is None:
            raise RuntimeError("A scheduled job has no user: name one, as in work.transaction(user_id).")
        return self._user_id

    async def rows(self, query: Query, **values: Any) -> list[asyncpg.Record]:
        """The rows of a statement on nobody's behalf. It sees no user's rows, but functions may find users for it."""
        async with self._shared.pool.connection() as connection:
            with translated_errors(connection):
                return await connection.fetch(query.text, *query.arguments(None, values))

    async def exhaust(self, query: Query, **values: Any) -> None:
        """Run a statement on nobody's behalf until it returns no row, and pause after each time.

        The users that its rows name as `user_id` are those whose rows it has changed: their subscribers are woken.
        """
        while rows := await self.rows(query, **values):
            for row in rows:
                if "user_id" in row:
                    self.committed(row["user_id"])
            await self.pause()

    async def users(self, query: Query, **values: Any) -> AsyncIterator[asyncpg.Record]:
        """The rows of a statement on nobody's behalf that finds some users after `:after_id`, until it finds none."""
        after_id = UUID(int=0)
        while found := await self.rows(query, after_id=after_id, **values):
            for user in found:
                yield user
            after_id = found[-1]["user_id"]

    @asynccontextmanager
    async def transaction(self, user_id: UUID | None = None) -> AsyncIterator[Statements]:
        """A transaction on behalf of a user, by default the one who asked for the job. The history names the system."""
        async with self._tenant(user_id) as tenant, tenant.transaction() as db:
            yield db

    @property
    def api(self) -> Api:
        """The API, for `query`. Raises `RuntimeError` in a process that has none."""
        if self._shared.api is None:
            raise RuntimeError("This process has no API for its jobs.")
        return self._shared.api

    @property
    def vault(self) -> Vault:
        """What opens the secrets of users. Raises `RuntimeError` in a process that has none."""
        if self._shared.vault is None:
            raise RuntimeError("This process has no vault for its jobs.")
        return self._shared.vault

    async def query(self, text: str, **variables: Any) -> dict[str, Any]:
        """The data of a query of the API, as the user who asked for the job would read it, apart from their session.

        Raises `TooLarge` if it reads or returns too much.
        """
        return await self.api.query(self._stamp(), text, variables)

    async def select(self, text: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of a generated read-only statement on behalf of the user who asked for the job."""
        async with self._tenant() as tenant:
            return await tenant.fetch(text, *arguments)

    @asynccontextmanager
    async def _tenant(self, user_id: UUID | None = None) -> AsyncIterator[Tenant]:
        tenant = Tenant(self._shared.pool, self._stamp(user_id), committed=self._shared.committed)
        try:
            yield tenant
        finally:
            await tenant.close()

    def _stamp(self, user_id: UUID | None = None) -> Stamp:
        return Stamp(user_id or self.user_id, None, "system")

    def committed(self, user_id: UUID) -> None:
        """Wake the user's subscribers after a function called by `rows` has changed rows of theirs."""
        self._shared.committed(user_id)

    async def pause(self) -> None:
        """Rest after a batch for as long as it took, so that jobs leave half of the time to requests.

        Raises `Stopping` if the process stops, which is not for the job to catch.
        """
        if self._shared.stopping.is_set():
            raise Stopping
        took = self._loop.time() - self._busy_since
        await asyncio.sleep(min(took, LONGEST_REST_SECONDS))
        self._busy_since = self._loop.time()

    async def progress(self, done: int, total: int | None = None) -> None:
        """Record that the user's job has finished `done` items of `total`, at most once a second, and `pause`.

        Raises `Cancelled` if the user has cancelled the job, which a job may catch only to clean up.
        """
        self.done = done
        if self.job_id is not None and self._loop.time() - self._told_at >= PROGRESS_SECONDS:
            async with self.transaction() as db:
                if await db.row(sql.work.job.progress, id=self.job_id, done=done, total=total) is None:
                    raise Cancelled
            self._told_at = self._loop.time()
        await self.pause()
