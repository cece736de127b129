"""What holds of every broker with a carrier: who watches hears, nobody hears their own, and nothing breaks it."""

from __future__ import annotations

import os
import uuid

import pytest

from gateway.broker import remote
from gateway.broker.protocol import MOST_SIGNAL_BYTES
from tests.gateway.broker.conftest import Carrier
from tests.gateway.broker.ears import listening


async def test_others_who_watch_a_user_hear_of_it_and_oneself_does_not(carrier: Carrier) -> None:
    user, answer = uuid.uuid4(), uuid.uuid4()
    here, there = carrier.broker(), carrier.broker()
    async with listening(here, user, answer) as at_home, listening(there, user, answer) as abroad:
        here.publish(user)
        await abroad.until_hint(user)
        there.publish(answer)
        await at_home.until_hint(answer)
    assert at_home.hints == [answer]
    assert abroad.hints == [user]
    assert (here.hints_sent, here.hints_received, there.hints_sent, there.hints_received) == (1, 1, 1, 1)


async def test_of_users_that_are_not_watched_nothing_is_heard(carrier: Carrier) -> None:
    other, user = uuid.uuid4(), uuid.uuid4()
    here, there = carrier.broker(), carrier.broker()
    async with listening(here), listening(there, user) as abroad:
        here.signal(other, b"s")
        here.publish(other)
        here.publish(user)
        await abroad.until_hint(user)
    assert abroad.hints == [user]
    assert abroad.signals == []
    assert there.hints_received == 1


async def test_a_user_is_watched_until_the_last_has_left(carrier: Carrier) -> None:
    user, mark = uuid.uuid4(), uuid.uuid4()
    here, there = carrier.broker(), carrier.broker()
    async with listening(here), listening(there, user, user, mark) as abroad:
        there.unwatch(user)
        here.publish(user)
        await abroad.until_hint(user)
        there.unwatch(user)
        here.publish(user)
        here.publish(mark)
        await abroad.until_hint(mark)
        assert abroad.hints == [user, mark]


async def test_whoever_watches_and_then_looks_misses_nothing(carrier: Carrier) -> None:
    users = [uuid.uuid4() for _ in range(200)]
    here, there = carrier.broker(), carrier.broker()
    async with listening(here), listening(there) as abroad:
        for user in users:
            there.watch(user)
            here.publish(user)
            await abroad.until_hint(user)


async def test_thousands_of_users_at_once_are_all_heard_of(carrier: Carrier) -> None:
    users = [uuid.uuid4() for _ in range(3000)]
    here, there = carrier.broker(), carrier.broker()
    async with listening(here), listening(there, *users) as abroad:
        for user in users * 2:
            here.publish(user)
        await abroad.until(lambda: set(abroad.hints) == set(users))
    assert here.hints_sent == len(users)


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 4097, MOST_SIGNAL_BYTES])
async def test_signals_arrive_whole_and_in_order(carrier: Carrier, size: int) -> None:
    user = uuid.uuid4()
    sent = [(user, os.urandom(size)) for _ in range(20)]
    here, there = carrier.broker(), carrier.broker()
    async with listening(here, user) as at_home, listening(there, user) as abroad:
        for signal in sent:
            here.signal(*signal)
        await abroad.until(lambda: len(abroad.signals) == len(sent))
    assert abroad.signals == sent
    assert at_home.signals == []
    assert (here.signals_sent, here.dropped) == (len(sent), 0)


async def test_a_signal_that_is_too_long_is_given_up(carrier: Carrier) -> None:
    user = uuid.uuid4()
    here, there = carrier.broker(), carrier.broker()
    async with listening(here), listening(there, user) as abroad:
        here.signal(user, bytes(MOST_SIGNAL_BYTES + 1))
        here.signal(user, b"short")
        await abroad.until(lambda: bool(abroad.signals))
    assert abroad.signals == [(user, b"short")]
    assert here.dropped == 1


async def test_what_was_published_last_is_sent_before_it_closes(carrier: Carrier) -> None:
    user = uuid.uuid4()
    async with listening(carrier.broker(), user) as abroad:
        async with listening(here := carrier.broker()):
            here.publish(user)
        await abroad.until_hint(user)


async def test_after_its_connection_was_lost_it_connects_anew_and_tells_of_the_gap(carrier: Carrier) -> None:
    user = uuid.uuid4()
    here, there = carrier.broker(), carrier.broker()
    async with listening(here) as at_home, listening(there, user) as abroad:
        for count in range(2, 5):
            await carrier.interrupt()
            here.publish(user)
            await at_home.until_gaps(count)
            await abroad.until_gaps(count)
        abroad.hints.clear()
        here.publish(user)
        await abroad.until_hint(user)
    assert here.reconnects == there.reconnects == 3


async def test_what_waits_for_a_carrier_that_is_away_is_bounded(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MOST_HINTS", 10)
    users = [uuid.uuid4() for _ in range(25)]
    here, there = carrier.broker(), carrier.broker()
    for user in users * 2:
        here.publish(user)
    here.signal(users[0], b"too early")
    assert here.dropped == 31
    async with listening(there, *users) as abroad, listening(here):
        await abroad.until(lambda: set(abroad.hints) == set(users[:10]))
    assert abroad.signals == []


async def test_signals_that_a_slow_carrier_does_not_take_are_given_up(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MOST_SIGNALS", 10)
    user = uuid.uuid4()
    here, there = carrier.broker(), carrier.broker()
    async with listening(here), listening(there, user) as abroad:
        for number in range(25):
            here.signal(user, b"%d" % number)
        await abroad.until(lambda: len(abroad.signals) == 10)
    assert (here.signals_sent, here.dropped) == (10, 15)


@pytest.mark.parametrize(
    "nonsense",
    [b"", b" ", b"x", b"node zz", b"node " + b"f" * 31, b"node " + b"f" * 33, b"node " + b"f" * 32 + b":*",
     b"node " + b"f" * 32 + b";\x7f", b'["node", 7]', b"s", b"null", b"n" * 7000],
)  # fmt: skip
async def test_nonsense_is_ignored(carrier: Carrier, nonsense: bytes) -> None:
    user = uuid.uuid4()
    here, there = carrier.broker(), carrier.broker()
    async with listening(here), listening(there, user) as abroad:
        await carrier.shout(user, nonsense)
        here.publish(user)
        await abroad.until_hint(user)
        here.signal(user, b"signal")
        await abroad.until(lambda: (user, b"signal") in abroad.signals)
        assert abroad.gaps == 1


async def test_what_comes_twice_does_no_harm(carrier: Carrier) -> None:
    user = uuid.uuid4()
    here, there = carrier.broker(), carrier.broker()
    async with listening(here), listening(there, user) as abroad:
        for _ in range(3):
            await carrier.repeat(user)
        here.publish(user)
        await abroad.until(lambda: len(abroad.hints) >= 4)
    assert set(abroad.hints) == {user}
