"""Signals that come together are taken together, and none is lost between two takings."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import aclosing

from gateway.broker.process import ProcessBroker
from gateway.feed.gathered import gathered
from gateway.feed.signals import Signals

USER = uuid.uuid4()
LONG = 20.0

KEY = b"k" * 32


async def test_what_waits_comes_together_and_at_once() -> None:
    signals = Signals(ProcessBroker(), KEY)
    async with aclosing(signals.listen(USER, "topic")) as listening:
        for text in (b"one", b"two"):
            signals.send(USER, "topic", text)
        assert await gathered(listening, within=0, quiet=LONG) == [b"one", b"two"]
        assert await gathered(listening, within=LONG, quiet=0) == []


async def test_what_comes_within_the_time_is_waited_for() -> None:
    signals = Signals(ProcessBroker(), KEY)
    async with aclosing(signals.listen(USER, "topic")) as listening:
        taking = asyncio.create_task(gathered(listening, within=0.2, quiet=LONG))
        for text in (b"one", b"two"):
            signals.send(USER, "topic", text)
            await asyncio.sleep(0)
        assert await taking == [b"one", b"two"]


async def test_none_is_lost_and_none_comes_twice() -> None:
    signals, found, count = Signals(ProcessBroker(), KEY), list[bytes](), 2000

    async def send() -> None:
        for number in range(count):
            signals.send(USER, "topic", str(number).encode())
            if number % 3 == 0:
                await asyncio.sleep(0)

    async with aclosing(signals.listen(USER, "topic")) as listening, asyncio.timeout(LONG):
        sending = asyncio.create_task(send())
        while len(found) < count:
            found += await gathered(listening, within=0, quiet=0.001)
        await sending
    assert [int(text) for text in found] == list(range(count))
