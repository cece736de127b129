"""What other processes write is heard of: through a broker that breaks again and again, or without any in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from gateway.broker import remote
from gateway.broker.postgres import postgres_broker
from gateway.broker.process import ProcessBroker
from gateway.broker.protocol import Broker
from gateway.data.pool import Pool
from gateway.feed import changes
from gateway.feed import hub as hub_module
from gateway.feed.changes import FeedCursor
from gateway.feed.hearing import hearing
from gateway.feed.hub import Hub
from gateway.feed.signals import Signals
from tests.gateway.broker.conftest import END_LISTENERS
from tests.gateway.feed.feeds import Feed, followed
from tests.kit.database import Database

NEVER = 3600.0

KEY = b"k" * 32


@asynccontextmanager
async def process(pool: Pool, broker: Broker, *, poll_seconds: float) -> AsyncIterator[Hub]:
    """What one process has to hear with."""
    async with Hub(pool, broker, poll_seconds=poll_seconds) as hub, hearing(broker, hub, Signals(broker, KEY)):
        yield hub


async def test_what_one_process_commits_the_followers_of_another_get(
    database: Database, pool: Pool, feed: Feed
) -> None:
    here, there = postgres_broker(database.runtime_url), postgres_broker(database.runtime_url)
    async with (
        process(pool, here, poll_seconds=NEVER) as writes,
        process(pool, there, poll_seconds=NEVER) as hub,
        aclosing(followed(hub, feed.user_id, FeedCursor(1, 0))) as events,
    ):
        for version in range(1, 11):
            await feed.append()
            writes.committed(feed.user_id)
            async with asyncio.timeout(20):
                assert (await anext(events)).version == version


async def test_what_was_written_while_a_process_heard_nothing_reaches_its_followers(
    database: Database, pool: Pool, superuser: asyncpg.Connection, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RECONNECT_SECONDS", 0)
    async with (
        process(pool, postgres_broker(database.runtime_url), poll_seconds=NEVER) as hub,
        aclosing(followed(hub, feed.user_id, FeedCursor(1, 0))) as events,
    ):
        for version in range(1, 11):
            await feed.append()  # nobody is told, and the new line may be open before another statement is sent
            await superuser.execute(END_LISTENERS)
            async with asyncio.timeout(20):
                assert (await anext(events)).version == version


async def test_without_a_broker_the_clock_finds_what_others_write(pool: Pool, feed: Feed) -> None:
    async with (
        process(pool, ProcessBroker(), poll_seconds=0.05) as hub,
        aclosing(followed(hub, feed.user_id, FeedCursor(1, 0))) as events,
    ):
        for version in range(1, 4):
            await feed.append()
            async with asyncio.timeout(20):
                assert (await anext(events)).version == version


class Watches(ProcessBroker):
    """A broker that writes down what it was asked, and to which a read is told."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def watch(self, user_id: object) -> None:
        self.asked.append("watch")

    def unwatch(self, user_id: object) -> None:
        self.asked.append("unwatch")


async def test_a_user_is_watched_before_the_first_read_and_until_the_last_follower_has_left(
    pool: Pool, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Watches()

    async def told(*arguments: Any) -> Any:
        broker.asked.append("read")
        return await changes.read_waiting(*arguments)

    monkeypatch.setattr(hub_module, "read_waiting", told)
    await feed.append(2)
    async with Hub(pool, broker, poll_seconds=NEVER) as hub:
        async with aclosing(followed(hub, feed.user_id, FeedCursor(1, 0))) as one:
            await anext(one)
            async with aclosing(followed(hub, feed.user_id, FeedCursor(1, 1))) as two:
                await anext(two)
            assert broker.asked[:2] == ["watch", "read"]
            assert "unwatch" not in broker.asked
        assert [what for what in broker.asked if what != "read"] == ["watch", "unwatch"]
