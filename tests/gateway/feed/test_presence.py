"""What processes know of who is where: soon the same, also where signals are lost, and never more than has room."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from gateway.broker.process import ProcessBroker
from gateway.errors import Overloaded
from gateway.feed import presence as module
from gateway.feed.presence import MOST_OF_A_USER, Presence, Present
from gateway.feed.signals import Signals

USER, PLACE = uuid.uuid4(), uuid.uuid4()
ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
LIFE = 30.0
KEY = b"k" * 32
TOPIC = b"presence\n"


class Wire(ProcessBroker):
    """A broker that brings signals to another process of the test, or loses them."""

    def __init__(self) -> None:
        super().__init__()
        self.to: Signals | None = None
        self.carried: list[bytes] = []

    def signal(self, user_id: uuid.UUID, payload: bytes) -> None:
        self.carried.append(payload)
        if self.to is not None:
            self.to.receive(user_id, payload)


class Node:
    """A process."""

    def __init__(self, key: bytes = KEY) -> None:
        self.wire = Wire()
        self.signals = Signals(self.wire, key)
        self.presence = Presence(self.signals)

    def say(self, session: uuid.UUID, state: str, life: float = LIFE) -> None:
        self.presence.announce(USER, PLACE, session, f"device {session.int}", state, life)

    def watch(self) -> aclosing[AsyncGenerator[list[Present], None]]:
        return aclosing(self.presence.watch(USER, PLACE))


Pair = tuple[Node, Node]


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[Pair]:
    """Two processes that hear each other."""
    here, there = Node(), Node()
    here.wire.to, there.wire.to = there.signals, here.signals
    async with here.presence, there.presence:
        yield here, there


async def until(lists: AsyncGenerator[list[Present], None], *wanted: tuple[uuid.UUID, str]) -> list[Present]:
    """The first list of these sessions in these states."""
    async with asyncio.timeout(20):
        async for present in lists:
            if [(each.credential_id, each.state) for each in present] == list(wanted):
                return present
    raise AssertionError


async def test_a_newcomer_is_told_what_another_process_knows(pair: Pair) -> None:
    here, there = pair
    here.wire.to = None
    here.say(ONE, "looking")
    here.say(OTHER, "typing")
    async with here.watch() as lists:
        known = await until(lists, (ONE, "looking"), (OTHER, "typing"))
    here.wire.to = there.signals
    async with there.watch() as lists:
        assert await until(lists, (ONE, "looking"), (OTHER, "typing")) == known


async def test_what_is_lost_is_mended_when_it_is_said_again(pair: Pair) -> None:
    here, there = pair
    async with there.watch() as lists:
        assert await anext(lists) == []
        here.wire.to = None
        here.say(ONE, "looking")
        here.wire.to = there.signals
        here.say(ONE, "looking")
        await until(lists, (ONE, "looking"))


async def test_what_is_not_said_again_ends_by_itself(pair: Pair) -> None:
    here, there = pair
    async with there.watch() as lists:
        here.say(ONE, "looking")
        here.say(OTHER, "typing", life=0.05)
        await until(lists, (ONE, "looking"), (OTHER, "typing"))
        await until(lists, (ONE, "looking"))


async def test_what_is_told_again_to_a_newcomer_lives_no_longer(pair: Pair) -> None:
    here, there = pair
    here.say(ONE, "looking", life=0.1)
    async with there.watch() as lists:
        await until(lists, (ONE, "looking"))
        for _ in range(3):
            async with there.watch() as others:
                await anext(others)
        await until(lists)


async def test_it_is_true_since_it_was_first_said(pair: Pair) -> None:
    here, there = pair
    async with there.watch() as lists:
        here.say(ONE, "looking")
        (first,) = await until(lists, (ONE, "looking"))
        here.say(ONE, "looking")
        there.say(ONE, "looking")
        here.say(OTHER, "looking")
        assert (await until(lists, (ONE, "looking"), (OTHER, "looking")))[0] == first
        here.say(ONE, "typing")
        (_, typing) = await until(lists, (OTHER, "looking"), (ONE, "typing"))
        assert typing.since > first.since


async def test_what_is_late_or_repeated_does_not_take_the_place_of_what_is_newer(pair: Pair) -> None:
    here, there = pair
    async with there.watch() as lists:
        here.wire.carried.clear()
        here.say(ONE, "looking")
        here.say(ONE, "")
        here.say(OTHER, "looking")
        await until(lists, (OTHER, "looking"))
        for late in [*here.wire.carried] * 2:
            there.signals.receive(USER, late)
        here.say(OTHER, "typing")
        assert [each.credential_id for each in await anext(lists)] == [OTHER]


async def test_nonsense_and_what_another_key_has_sealed_is_passed_over(pair: Pair) -> None:
    here, there = pair
    liar = Node(b"another key")
    async with there.watch() as lists, liar.presence:
        liar.say(OTHER, "looking")
        here.say(ONE, "looking")
        await until(lists, (ONE, "looking"))
        true = here.wire.carried[-1]
        for lie in (*liar.wire.carried, b"", TOPIC, TOPIC + b"[]", TOPIC + b"\xff" * 99, true[:-1], true + b" "):
            there.signals.receive(USER, lie)
        there.signals.receive(uuid.uuid4(), true)
        here.say(ONE, "typing")
        assert [(each.credential_id, each.state) for each in await anext(lists)] == [(ONE, "typing")]


async def test_only_so_many_are_remembered(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = pair
    for number in range(MOST_OF_A_USER + 30):
        here.say(uuid.UUID(int=number), "\x01" * 20, life=10 + number / 10)
    async with there.watch() as lists:
        async with asyncio.timeout(20):
            async for present in lists:
                if len(present) >= MOST_OF_A_USER:
                    break
    assert len(present) == MOST_OF_A_USER
    monkeypatch.setattr(module, "MOST_USERS", 1)
    with pytest.raises(Overloaded):
        await anext(there.presence.watch(uuid.uuid4(), PLACE))
    there.presence.announce(uuid.uuid4(), PLACE, ONE, None, "looking", LIFE)
    assert len(there.presence) == 1


async def test_who_left_leaves_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LINGER_SECONDS", 0.01)
    here, there = pair
    async with there.watch() as lists:
        here.say(ONE, "looking", life=0.05)
        await until(lists, (ONE, "looking"))
        await until(lists)
    rooms = [*here.presence._users.values(), *there.presence._users.values()]
    await asyncio.gather(*(room.task for room in rooms))
    assert [len(node.presence) + len(node.signals) for node in pair] == [0, 0]
