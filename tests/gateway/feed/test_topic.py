"""A topic's listeners get what was sent about its object, and an empty payload for what is too long."""

from __future__ import annotations

import uuid

import pytest

from gateway.broker.process import ProcessBroker
from gateway.feed.signals import MOST_PAYLOAD_BYTES, Signals
from gateway.feed.topic import Topic

LONG = 20.0


@pytest.fixture
def topic() -> Topic:
    return Topic(Signals(ProcessBroker(), b"k" * 32), "growth", uuid.uuid4(), uuid.uuid4())


async def test_payloads_sent_after_the_call_arrive_together(topic: Topic) -> None:
    topic.send(b"before")
    async with topic.listen(within=0, quiet=LONG) as received:
        topic.send(b"one")
        topic.send(b"two")
        assert await anext(received) == [b"one", b"two"]
        topic.send()
        assert await anext(received) == [b""]


async def test_an_empty_list_means_that_nothing_arrived(topic: Topic) -> None:
    async with topic.listen(within=0, quiet=0) as received:
        assert await anext(received) == []
        topic.send(b"later")
        assert await anext(received) == [b"later"]


async def test_a_payload_too_long_for_a_signal_arrives_empty(topic: Topic) -> None:
    async with topic.listen(within=0, quiet=LONG) as received:
        topic.send(b"x" * MOST_PAYLOAD_BYTES)
        topic.send(b"x" * (MOST_PAYLOAD_BYTES + 1))
        assert [len(payload) for payload in await anext(received)] == [MOST_PAYLOAD_BYTES, 0]


async def test_leaving_ends_the_listening(topic: Topic) -> None:
    async with topic.listen(within=0, quiet=LONG):
        assert len(topic.signals) == 1
    assert len(topic.signals) == 0
