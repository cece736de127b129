"""Followers miss nothing and see nothing twice, however slow they are, whatever fails; who leaves, leaves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from gateway.broker.process import ProcessBroker
from gateway.data.pool import Pool
from gateway.errors import Resync, Unavailable
from gateway.feed import changes
from gateway.feed import hub as hub_module
from gateway.feed.changes import Change, FeedCursor, Reading
from gateway.feed.hub import Hub
from tests.gateway.feed.feeds import Feed, followed

BEGINNING = FeedCursor(1, 0)
NEVER = 3600.0

Read = Callable[[Pool, Mapping[UUID, int]], Awaitable[dict[UUID, Reading]]]


@pytest_asyncio.fixture(loop_scope="module")
async def hub(pool: Pool) -> AsyncIterator[Hub]:
    """A hub whose slow clock stands still: it reads when it is told to."""
    async with Hub(pool, ProcessBroker(), poll_seconds=NEVER) as made:
        yield made


async def take(events: AsyncGenerator[Change, None], count: int) -> list[int]:
    """The versions of the next events."""
    async with asyncio.timeout(20):
        return [(await anext(events)).version for _ in range(count)]


async def test_without_a_place_a_follower_gets_what_comes_from_now_on(hub: Hub, feed: Feed) -> None:
    await feed.append(5)
    async with aclosing(followed(hub, feed.user_id, None)) as events:
        taking = asyncio.create_task(take(events, 2))
        await registered(hub)
        await feed.append(2)
        hub.committed(feed.user_id)
        assert await taking == [6, 7]


async def test_thousands_of_missed_events_come_in_order_and_then_the_live_ones(hub: Hub, feed: Feed) -> None:
    await feed.append(3000)
    async with aclosing(followed(hub, feed.user_id, BEGINNING)) as events:
        assert await take(events, 3000) == list(range(1, 3001))
        await feed.append()
        hub.committed(feed.user_id)
        assert await take(events, 1) == [3001]


async def test_a_follower_slower_than_the_memory_goes_on_from_the_database(hub: Hub, feed: Feed) -> None:
    async with (
        aclosing(followed(hub, feed.user_id, BEGINNING)) as slow,
        aclosing(followed(hub, feed.user_id, BEGINNING)) as fast,
    ):
        await feed.append()
        hub.committed(feed.user_id)
        assert await take(slow, 1) == await take(fast, 1) == [1]
        for first in range(2, 3002, 300):
            await feed.append(300)
            hub.committed(feed.user_id)
            assert await take(fast, 300) == list(range(first, first + 300))
        assert await take(slow, 3000) == list(range(2, 3002))


async def test_one_who_catches_up_may_be_ahead_of_the_reader(hub: Hub, feed: Feed) -> None:
    await feed.append(600)
    async with aclosing(followed(hub, feed.user_id, BEGINNING)) as events:
        assert await take(events, 500) == list(range(1, 501))
        await feed.append(50)  # of which nobody has told the reader
        assert await take(events, 150) == list(range(501, 651))
        await feed.append()
        hub.committed(feed.user_id)
        assert await take(events, 1) == [651]


async def test_what_is_committed_while_a_follower_registers_is_not_missed(hub: Hub, feed: Feed) -> None:
    async def commit() -> None:
        await feed.append()
        hub.committed(feed.user_id)

    for count in range(200):
        async with aclosing(followed(hub, feed.user_id, FeedCursor(1, count))) as events:
            taken, _ = await asyncio.gather(take(events, 1), commit())
            assert taken == [count + 1]


@pytest.mark.parametrize("cursor", [FeedCursor(1, 11), FeedCursor(2, 1), FeedCursor(1, 2), FeedCursor(0, 5)])
async def test_a_place_in_the_future_of_another_epoch_or_no_longer_kept_is_refused(
    hub: Hub, feed: Feed, cursor: FeedCursor
) -> None:
    await feed.append(10)
    await feed.prune(3)
    with pytest.raises(Resync) as refused:
        await take(followed(hub, feed.user_id, cursor), 1)
    assert refused.value.extensions["cursor"] == str(cursor)
    assert await take(followed(hub, feed.user_id, FeedCursor(1, 3)), 7) == list(range(4, 11))


async def test_an_epoch_that_is_raised_ends_those_who_follow(hub: Hub, feed: Feed) -> None:
    async with aclosing(followed(hub, feed.user_id, BEGINNING)) as events:
        await feed.append()
        hub.committed(feed.user_id)
        assert await take(events, 1) == [1]
        await feed.raise_epoch()
        hub.hint_all()
        with pytest.raises(Resync):
            await take(events, 1)
    assert len(hub) == 0


async def test_a_slow_follower_whose_next_events_were_pruned_is_told(hub: Hub, feed: Feed) -> None:
    await feed.append(600)
    async with aclosing(followed(hub, feed.user_id, BEGINNING)) as events:
        await take(events, 500)
        await feed.prune(550)
        with pytest.raises(Resync):
            await take(events, 1)


async def test_those_who_leave_leave_nothing(hub: Hub, feed: Feed) -> None:
    events = followed(hub, feed.user_id, None)
    waiting = asyncio.create_task(take(events, 1))
    await registered(hub)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    await feed.append()
    async with aclosing(followed(hub, feed.user_id, BEGINNING)) as others:
        await take(others, 1)
        assert len(hub) == 1
    assert len(hub) == 0


async def test_each_of_many_users_gets_their_own(
    hub: Hub, superuser: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_MOST_USERS", 2)
    feeds = [Feed(superuser) for _ in range(5)]
    for feed in feeds:
        await feed.begin()
        await feed.append(3)
    streams = [followed(hub, feed.user_id, FeedCursor(1, number % 3)) for number, feed in enumerate(feeds)]
    found = await asyncio.gather(*(take(each, 3 - number % 3) for number, each in enumerate(streams)))
    assert found == [list(range(1 + number % 3, 4)) for number in range(5)]
    for each in streams:
        await each.aclose()


@pytest.mark.parametrize("error", [Unavailable("away"), KeyError("a mistake"), asyncpg.InternalClientError("odd")])
async def test_the_reader_goes_on_after_any_error(
    hub: Hub, feed: Feed, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(hub_module, "_RETRY_SECONDS", 0)
    async with aclosing(followed(hub, feed.user_id, BEGINNING)) as events:
        await feed.append()
        hub.committed(feed.user_id)
        assert await take(events, 1) == [1]
        fail(monkeypatch, error, times=3)
        await feed.append()
        hub.committed(feed.user_id)
        assert await take(events, 1) == [2]


async def test_one_who_catches_up_waits_for_a_database_that_is_away(
    hub: Hub, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_RETRY_SECONDS", 0)
    await feed.append(1200)
    async with aclosing(followed(hub, feed.user_id, BEGINNING)) as events:
        assert await take(events, 500) == list(range(1, 501))
        fail(monkeypatch, Unavailable("away"), times=5)
        assert await take(events, 700) == list(range(501, 1201))


async def test_a_new_follower_is_told_when_the_database_stays_away(
    hub: Hub, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "_PATIENCE_SECONDS", 0.01)
    fail(monkeypatch, Unavailable("away"), times=10**9)
    with pytest.raises(Unavailable):
        await take(followed(hub, feed.user_id, None), 1)
    assert len(hub) == 0


def fail(monkeypatch: pytest.MonkeyPatch, error: Exception, *, times: int) -> None:
    """Let so many of the next reads fail."""
    failures = iter([error] * times) if times < 100 else iter(lambda: error, None)

    async def read(*arguments: Any) -> dict[UUID, Reading]:
        if (failure := next(failures, None)) is not None:
            raise failure
        return await changes.read_waiting(*arguments)

    monkeypatch.setattr(hub_module, "read_waiting", read)


async def registered(hub: Hub) -> None:
    """Return once the follower whose task was just made has registered, and knows where the feed stands."""
    await asyncio.sleep(0)
    (channel,) = hub._channels.values()
    while not channel.answered:
        await channel.moved.wait()
