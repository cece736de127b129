"""Callers who write and read through one pipeline, and a hold on what they write."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from gateway.data import pipeline
from gateway.data.batches import ByKey
from gateway.data.driver.stamp import Stamp
from gateway.data.pipeline import Pipeline, Pipelines
from gateway.data.pool import Pool
from gateway.data.rows import Row
from gateway.data.tenancy import Tenant
from resolvers.chat.message import Message

HOLD = """
    CREATE TABLE IF NOT EXISTS public.held (content text PRIMARY KEY);
    CREATE OR REPLACE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        WHILE EXISTS (SELECT FROM public.held WHERE content = NEW.content) LOOP
            PERFORM pg_sleep(0.01);
        END LOOP;
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER hold AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION public.hold();
"""
"""Has the insert of a message wait for as long as its content stands in a table."""

CONVERSATION = ByKey("conversations", "id", ("id", "user_id"), Row)

BEGINNERS = pipeline._FEW
"""So many go alone before others wait."""
TOGETHER = pipeline._LEAST_AT_ONCE
"""So many of those who wait go in one transaction, however few there are."""

Task = asyncio.Task[Message]


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, and their conversation."""

    stamp: Stamp
    conversation_id: UUID

    @property
    def user_id(self) -> UUID:
        return self.stamp.user_id


@dataclass(slots=True)
class Writers:
    """Callers who add messages, each in an operation of their own."""

    pool: Pool
    pipelines: Pipelines
    superuser: asyncpg.Connection
    committed: list[UUID] = field(default_factory=list)

    @property
    def writes(self) -> Pipeline:
        return self.pipelines.writes

    @property
    def reads(self) -> Pipeline:
        return self.pipelines.reads

    async def callers(self, count: int) -> list[Caller]:
        """New users."""
        made = [Caller(Stamp(uuid.uuid4(), None, "user"), uuid.uuid4()) for _ in range(count)]
        for caller in made:
            await self.superuser.execute("SELECT set_config('app.user_id', $1, false)", str(caller.user_id))
            await self.superuser.execute(
                "INSERT INTO users (user_id, id, email) VALUES ($1, $1, $2)",
                caller.user_id,
                f"{caller.user_id}@example.org",
            )
            await self.superuser.execute(
                "INSERT INTO conversations (user_id, id) VALUES ($1, $2)", caller.user_id, caller.conversation_id
            )
        return made

    def add(self, caller: Caller, content: str, **values: Any) -> Task:
        """Begin to add a message."""
        return asyncio.get_running_loop().create_task(self._add(caller, content, values))

    async def _add(self, caller: Caller, content: str, values: dict[str, Any]) -> Message:
        tenant = Tenant(self.pool, caller.stamp, pipelines=self.pipelines, committed=self.committed.append)
        given = {"conversation_id": caller.conversation_id, "role": "user", "content": content, **values}
        try:
            async with tenant.autocommit() as db:
                return await db.insert(Message, given)
        finally:
            await tenant.close()

    def read(self, caller: Caller, id: UUID | None = None) -> asyncio.Task[Row | None]:
        """Begin to read a conversation: by default their own."""
        return asyncio.get_running_loop().create_task(self._read(caller, id or caller.conversation_id))

    async def _read(self, caller: Caller, id: UUID) -> Row | None:
        tenant = Tenant(self.pool, caller.stamp, pipelines=self.pipelines, committed=self.committed.append)
        try:
            return (await CONVERSATION.load(tenant, (id,))).get(id)
        finally:
            await tenant.close()

    @asynccontextmanager
    async def held(self, content: str) -> AsyncIterator[None]:
        """Nobody can store this content while the block runs."""
        await self.superuser.execute("INSERT INTO public.held VALUES ($1)", content)
        try:
            yield
        finally:
            await self.superuser.execute("DELETE FROM public.held WHERE content = $1", content)

    @asynccontextmanager
    async def others_under_way(self) -> AsyncIterator[set[int]]:
        """So many rows are on their way while the block runs that those who come have to wait."""
        async with self.held("under way"):
            tasks = [self.add(caller, "under way") for caller in await self.callers(BEGINNERS)]
            yield await self.until_sleeping(BEGINNERS)
        await asyncio.gather(*tasks)

    async def until_sleeping(self, count: int) -> set[int]:
        """The server processes that are in the middle of a statement, when there are so many."""
        text = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        while len(found := await self.superuser.fetch(text)) < count:
            pass
        return {row["pid"] for row in found}

    async def stored(self, callers: Sequence[Caller]) -> list[list[str]]:
        """The contents of each caller's messages."""
        text = "SELECT content FROM messages WHERE user_id = $1 ORDER BY seq"
        return [[row["content"] for row in await self.superuser.fetch(text, each.user_id)] for each in callers]
