"""Signals reach all who listen, here and elsewhere; who is slow loses the oldest, and who leaves leaves nothing."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

import pytest

from gateway.broker.postgres import postgres_broker
from gateway.broker.process import ProcessBroker
from gateway.feed.sealed import seal
from gateway.feed.signals import MOST_PAYLOAD_BYTES, MOST_TOPIC_BYTES, MOST_WAITING, Listening, Signals
from tests.kit.database import Database

KEY = b"k" * 32


class Hears:
    """A listener that passes signals on, as a gateway's does."""

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        self.connected = asyncio.Event()

    def hint(self, user_ids: Iterable[UUID]) -> None:
        pass

    def gap(self) -> None:
        self.connected.set()

    def signal(self, user_id: UUID, payload: bytes) -> None:
        self.signals.receive(user_id, payload)


@asynccontextmanager
async def process(database: Database) -> AsyncIterator[Signals]:
    """The signals of a process that is connected to others."""
    broker = postgres_broker(database.runtime_url)
    hears = Hears(Signals(broker, KEY))
    await broker.start(hears)
    async with asyncio.timeout(20):
        await hears.connected.wait()
    yield hears.signals
    await broker.close()


async def take(listening: Listening, count: int) -> list[bytes]:
    """The next payloads."""
    async with asyncio.timeout(20):
        return [await anext(listening) for _ in range(count)]


async def test_everybody_who_listens_hears_in_this_process_and_in_others(database: Database) -> None:
    user = uuid.uuid4()
    async with (
        process(database) as here,
        process(database) as there,
        aclosing(here.listen(user, "typing")) as one,
        aclosing(here.listen(user, "typing")) as two,
        aclosing(there.listen(user, "typing")) as three,
    ):
        here.send(user, "typing", b"a\nb")
        there.send(user, "typing", b"")
        for listening in (one, two, three):
            assert sorted(await take(listening, 2)) == [b"", b"a\nb"]


async def test_other_users_and_other_topics_are_not_heard(database: Database) -> None:
    user, other = uuid.uuid4(), uuid.uuid4()
    async with (
        process(database) as here,
        process(database) as there,
        aclosing(here.listen(user, "typing")) as local,
        aclosing(there.listen(user, "typing")) as remote,
    ):
        here.send(user, "type", b"another topic")
        here.send(other, "typing", b"another user")
        here.send(user, "typing", b"mine")
        assert await take(local, 1) == await take(remote, 1) == [b"mine"]


async def test_the_longest_signal_arrives(database: Database) -> None:
    user, topic, payload = uuid.uuid4(), "t" * MOST_TOPIC_BYTES, b"\xff" * MOST_PAYLOAD_BYTES
    async with process(database) as here, process(database) as there, aclosing(there.listen(user, topic)) as remote:
        here.send(user, topic, payload)
        assert await take(remote, 1) == [payload]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [("t", bytes(MOST_PAYLOAD_BYTES + 1)), ("t" * (MOST_TOPIC_BYTES + 1), b""), ("two\nlines", b"")],
)
async def test_what_cannot_be_carried_is_refused_where_it_is_sent(topic: str, payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"a signal|a topic"):
        Signals(ProcessBroker(), KEY).send(uuid.uuid4(), topic, payload)


async def test_whoever_is_slow_loses_the_oldest() -> None:
    signals, user = Signals(ProcessBroker(), KEY), uuid.uuid4()
    async with aclosing(signals.listen(user, "typing")) as slow:
        for number in range(MOST_WAITING + 10):
            signals.send(user, "typing", b"%d" % number)
        heard = await take(slow, MOST_WAITING)
    assert heard == [b"%d" % number for number in range(10, MOST_WAITING + 10)]


async def test_what_is_no_signal_is_ignored() -> None:
    signals, user = Signals(ProcessBroker(), KEY), uuid.uuid4()
    async with aclosing(signals.listen(user, "")) as listening:
        signals.receive(user, b"")
        signals.receive(user, b"typing")
        signals.receive(user, b"\xff\xfe\n")
        signals.receive(user, b"\n" + seal(b"another user's", uuid.uuid4().bytes + b"\n", KEY))
        signals.receive(user, b"\n" + seal(b"another topic's", user.bytes + b"typing\n", KEY))
        signals.receive(user, b"\n" + seal(b"another deployment's", user.bytes + b"\n", b"l" * 32))
        signals.receive(user, b"\n" + seal(b"mine", user.bytes + b"\n", KEY))
        assert await take(listening, 1) == [b"mine"]


async def test_those_who_leave_leave_nothing(database: Database) -> None:
    user = uuid.uuid4()
    async with process(database) as signals:
        async with aclosing(signals.listen(user, "typing")) as one, aclosing(signals.listen(user, "typing")) as two:
            signals.send(user, "typing", b"x")
            await one.aclose()
            await one.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(one)
            assert await take(two, 1) == [b"x"]
        assert len(signals) == 0


async def test_who_waits_is_told_when_another_closes_it() -> None:
    signals = Signals(ProcessBroker(), KEY)
    listening = signals.listen(uuid.uuid4(), "typing")

    async def all_there_is() -> list[bytes]:
        return [payload async for payload in listening]

    waiting = asyncio.create_task(all_there_is())
    await asyncio.sleep(0)
    await listening.aclose()
    async with asyncio.timeout(20):
        assert await waiting == []
