"""Hints between processes: nobody hears their own, nonsense is ignored, and a lost connection is made anew."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest

from gateway.data.pool import Pool
from gateway.feed.broker import PostgresBroker
from gateway.feed.changes import Place
from gateway.feed.hub import Hub
from tests.database import Database
from tests.gateway.feed.feeds import Feed, followed

END_LISTENERS = """
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE application_name = 'parley-broker' AND datname = current_database()
"""


@dataclass(slots=True)
class Heard:
    """What one process has heard."""

    users: set[UUID] = field(default_factory=set)
    gaps: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def hint(self, user_ids: Iterable[UUID]) -> None:
        self.users |= set(user_ids)
        self.changed.set()

    def gap(self) -> None:
        self.gaps += 1
        self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await self.changed.wait()
                self.changed.clear()

    async def until_gaps(self, count: int) -> None:
        await self.until(lambda: self.gaps >= count)


@asynccontextmanager
async def listening(database: Database) -> AsyncIterator[tuple[PostgresBroker, Heard]]:
    """A broker that is connected."""
    broker, heard = PostgresBroker(database.runtime_url), Heard()
    await broker.start(heard.hint, heard.gap)
    await heard.until_gaps(1)
    try:
        yield broker, heard
    finally:
        await broker.close()


async def test_others_hear_of_a_user_and_oneself_does_not(database: Database) -> None:
    user, answer = uuid.uuid4(), uuid.uuid4()
    async with listening(database) as (here, at_home), listening(database) as (there, abroad):
        here.publish(user)
        await abroad.until(lambda: user in abroad.users)
        there.publish(answer)
        await at_home.until(lambda: answer in at_home.users)
    assert at_home.users == {answer}


async def test_more_users_than_a_message_holds_are_all_heard_of(database: Database) -> None:
    users = {uuid.uuid4() for _ in range(PostgresBroker.MOST_USERS * 3 + 1)}
    async with listening(database) as (here, _), listening(database) as (_, abroad):
        for user in users:
            here.publish(user)
        await abroad.until(lambda: abroad.users == users)


@pytest.mark.parametrize("nonsense", ["", "{", "null", "5", "[]", "{}", '["x", 7]', '["x", null]', '["x", "y"]', '"x"'])
async def test_nonsense_is_ignored(database: Database, superuser: asyncpg.Connection, nonsense: str) -> None:
    user = uuid.uuid4()
    async with listening(database) as (here, _), listening(database) as (_, abroad):
        await superuser.execute("SELECT pg_notify($1, $2)", PostgresBroker.CHANNEL, nonsense)
        here.publish(user)
        await abroad.until(lambda: user in abroad.users)
        assert abroad.users == {user}
        assert abroad.gaps == 1


async def test_after_its_connection_was_ended_it_connects_anew_and_tells_of_the_gap(
    database: Database, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresBroker, "RECONNECT_SECONDS", 0)
    user = uuid.uuid4()
    async with listening(database) as (here, at_home), listening(database) as (_, abroad):
        for count in range(2, 5):
            await superuser.execute(END_LISTENERS)
            await at_home.until_gaps(count)
            await abroad.until_gaps(count)
        here.publish(user)
        await abroad.until(lambda: user in abroad.users)


async def test_what_was_published_last_is_sent_before_it_closes(database: Database) -> None:
    user = uuid.uuid4()
    async with listening(database) as (_, abroad):
        async with listening(database) as (here, _):
            here.publish(user)
        await abroad.until(lambda: user in abroad.users)


async def test_what_was_written_while_a_process_heard_nothing_reaches_its_followers(
    database: Database, pool: Pool, superuser: asyncpg.Connection, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresBroker, "RECONNECT_SECONDS", 0)
    async with (
        Hub(pool, PostgresBroker(database.runtime_url), poll_seconds=3600) as hub,
        aclosing(followed(hub, feed.user_id, Place(1, 0))) as events,
    ):
        for version in range(1, 11):
            await superuser.execute(END_LISTENERS)
            await feed.append()
            async with asyncio.timeout(20):
                assert (await anext(events)).version == version
