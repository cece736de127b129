"""Passwords: what is accepted, what matches, and what happens when too many come at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import argon2
import pytest
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth.common_password import COMMON_PASSWORDS
from gateway.auth.password import LONGEST, SHORTEST, PasswordHasher, check_password
from gateway.errors import Overloaded

EMAIL = "ada.lovelace@example.org"


class Gate:
    """Stands in for argon2's verify: holds every thread until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, hasher: object, stored: str, password: bytes) -> bool:
        self.entered.release()
        self.opened.wait()
        if password == b"wrong":
            raise VerifyMismatchError
        return True


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(argon2.PasswordHasher, "verify", lambda *arguments: gate(*arguments))
    yield gate
    gate.opened.set()


@pytest.fixture
async def hasher() -> AsyncIterator[PasswordHasher]:
    hasher = PasswordHasher(memory_kib=8, passes=1)
    yield hasher
    hasher.close()


async def turn() -> None:
    """Let the event loop do what is ready."""
    for _ in range(5):
        await asyncio.sleep(0)


def started(hasher: PasswordHasher, count: int) -> list[asyncio.Task[bool]]:
    return [asyncio.create_task(hasher.verify("stored", "secret")) for _ in range(count)]


async def test_the_right_password_matches_and_a_wrong_one_does_not(hasher: PasswordHasher) -> None:
    stored = await hasher.hash("seven green bottles")
    assert await hasher.verify(stored, "seven green bottles")
    assert not await hasher.verify(stored, "Seven green bottles")
    assert not await hasher.verify(stored, "")


async def test_one_password_has_many_hashes(hasher: PasswordHasher) -> None:
    assert await hasher.hash("seven green bottles") != await hasher.hash("seven green bottles")


async def test_the_default_is_the_minimum_of_owasp() -> None:
    hasher = PasswordHasher()
    stored = await hasher.hash("seven green bottles")
    hasher.close()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_nothing_is_cut_off(hasher: PasswordHasher) -> None:
    stored = await hasher.hash("x" * LONGEST)
    assert await hasher.verify(stored, "x" * LONGEST)
    assert not await hasher.verify(stored, "x" * (LONGEST - 1))
    assert not await hasher.verify(stored, "x" * (LONGEST + 1))


async def test_a_text_too_long_to_be_a_password_is_not_even_compared(hasher: PasswordHasher) -> None:
    text = "x" * (LONGEST + 1)
    assert not await hasher.verify(await hasher.hash(text), text)


@pytest.mark.parametrize(
    ("chosen", "typed"),
    [
        ("caf\u00e9 caf\u00e9", "cafe\u0301 cafe\u0301"),
        ("\ufb01ne \ufb01gures", "fine figures"),
        ("\uff50\uff41\uff52\uff4c\uff45\uff59 123", "parley 123"),
        ("\u212bngstr\u00f6m unit", "A\u030angstro\u0308m unit"),
        ("\uac00\uac01\uac02", "\u1100\u1161\u1100\u1161\u11a8\u1100\u1161\u11a9"),
        ("ten\u00a0bottles", "ten bottles"),
    ],
    ids=["composed accents", "ligatures", "full width", "the angstrom sign", "hangul", "no-break space"],
)
async def test_two_ways_to_type_one_password_match(hasher: PasswordHasher, chosen: str, typed: str) -> None:
    assert chosen != typed
    assert await hasher.verify(await hasher.hash(chosen), typed)
    assert await hasher.verify(await hasher.hash(typed), chosen)


async def test_different_letters_stay_different(hasher: PasswordHasher) -> None:
    stored = await hasher.hash("stra\u00dfe stra\u00dfe")
    assert not await hasher.verify(stored, "strasse strasse")
    assert not await hasher.verify(await hasher.hash("\u0430 cyrillic a"), "a cyrillic a")


async def test_half_a_surrogate_pair_is_only_an_odd_password(hasher: PasswordHasher) -> None:
    stored = await hasher.hash("odd \ud800 password")
    assert await hasher.verify(stored, "odd \ud800 password")
    assert not await hasher.verify(stored, "odd \udfff password")


async def test_an_unknown_user_costs_what_a_known_one_does(
    hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await hasher.hash("seven green bottles")
    seen: list[argon2.Parameters] = []
    verify = argon2.PasswordHasher.verify

    def watched(self: argon2.PasswordHasher, hash: str, password: bytes) -> bool:
        seen.append(argon2.extract_parameters(hash))
        return verify(self, hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", watched)
    for known, password in ((stored, "wrong"), (None, "wrong"), (None, ""), (stored, "x" * (LONGEST + 1))):
        assert not await hasher.verify(known, password)
    assert len(seen) == 4
    assert set(map(repr, seen)) == {repr(argon2.extract_parameters(stored))}


async def test_an_unknown_user_has_no_password_even_if_one_matches(gate: Gate, hasher: PasswordHasher) -> None:
    gate.opened.set()
    assert await hasher.verify("stored", "right")
    assert not await hasher.verify(None, "right")


@pytest.mark.parametrize("damaged", ["", "plain text", "$argon2id$damaged"])
async def test_a_damaged_hash_is_an_error_and_not_a_wrong_password(hasher: PasswordHasher, damaged: str) -> None:
    with pytest.raises((InvalidHashError, VerificationError)):
        await hasher.verify(damaged, "seven green bottles")


async def test_a_hash_with_other_parameters_is_to_be_renewed(hasher: PasswordHasher) -> None:
    stronger = PasswordHasher(memory_kib=16, passes=1)
    stored = await hasher.hash("seven green bottles")
    assert not hasher.needs_rehash(stored)
    assert stronger.needs_rehash(stored)
    assert await stronger.verify(stored, "seven green bottles")
    stronger.close()


async def test_beyond_the_queue_is_refused_at_once_and_the_rest_is_served(gate: Gate) -> None:
    hasher = PasswordHasher(threads=1, waiting=32)
    accepted = started(hasher, 33)
    await turn()
    with pytest.raises(Overloaded) as refusal:
        await hasher.verify("stored", "secret")
    assert refusal.value.extensions["retryAfter"] == 1
    with pytest.raises(Overloaded):
        await hasher.hash("secret")
    gate.opened.set()
    assert await asyncio.gather(*accepted) == [True] * 33
    assert await hasher.verify("stored", "secret")
    hasher.close()


async def test_no_more_threads_work_than_were_asked_for(gate: Gate) -> None:
    hasher = PasswordHasher(threads=2, waiting=32)
    accepted = started(hasher, 10)
    await turn()
    assert await asyncio.to_thread(gate.entered.acquire, timeout=60)
    assert await asyncio.to_thread(gate.entered.acquire, timeout=60)
    assert not gate.entered.acquire(blocking=False)
    gate.opened.set()
    await asyncio.gather(*accepted)
    hasher.close()


async def test_a_waiter_that_is_cancelled_frees_its_place(gate: Gate) -> None:
    hasher = PasswordHasher(threads=1, waiting=2)
    working, first, second = started(hasher, 3)
    await asyncio.to_thread(gate.entered.acquire, timeout=60)
    first.cancel()
    await turn()
    assert first.cancelled()
    (third,) = started(hasher, 1)
    await turn()
    with pytest.raises(Overloaded):
        await hasher.verify("stored", "secret")
    gate.opened.set()
    assert all(await asyncio.gather(working, second, third))
    hasher.close()


async def test_a_thread_that_works_for_nobody_keeps_its_place_until_it_is_free(gate: Gate) -> None:
    hasher = PasswordHasher(threads=1, waiting=0)
    (working,) = started(hasher, 1)
    await asyncio.to_thread(gate.entered.acquire, timeout=60)
    working.cancel()
    await turn()
    assert working.cancelled()
    with pytest.raises(Overloaded):
        await hasher.verify("stored", "secret")
    gate.opened.set()
    hasher.close()


async def test_places_do_not_leak(gate: Gate) -> None:
    hasher = PasswordHasher(threads=1, waiting=3)
    for _ in range(50):
        gate.opened.clear()
        tasks = started(hasher, 4)
        await turn()
        tasks[1].cancel()
        tasks[3].cancel()
        await turn()
        gate.opened.set()
        assert all(await asyncio.gather(tasks[0], tasks[2]))
        assert await hasher.verify("stored", "wrong") is False
    hasher.close()


async def test_nothing_is_accepted_after_the_end() -> None:
    hasher = PasswordHasher(threads=1, waiting=0)
    hasher.close()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="shutdown"):
            await hasher.hash("seven green bottles")


@pytest.mark.parametrize(
    "password",
    [
        "seven green bottles",
        "x7#kQ2pLm9",
        "    spaces    ",
        "долгий пароль",
        "秘密秘密の合言葉です長い",
        "🦉🌲🌙🏔🌊🔥🍄🐝🌵🪐",
    ],
)
def test_length_is_all_that_is_asked(password: str) -> None:
    assert check_password(password, email=EMAIL) is None


@pytest.mark.parametrize("password", ["", "short", "x7#kQ2pLm", "\ufdfa", "e\u0301" * 5 + "abcd"])
def test_a_short_password_is_refused(password: str) -> None:
    assert check_password(password, email=EMAIL) == "The password is shorter than 10 characters."


def test_the_longest_password_is_accepted_and_one_more_is_not() -> None:
    text = "seven green bottles " * 100
    assert check_password(text[:LONGEST], email=EMAIL) is None
    assert check_password(text[: LONGEST + 1], email=EMAIL) == "The password is longer than 1024 characters."


@pytest.mark.parametrize(
    "password",
    ["password123", "PassWord123", "qwertyuiop", "\uff50assword123", "aaaaaaaaaaaa", "abababababab"],
)
def test_a_common_password_is_refused_in_any_spelling(password: str) -> None:
    reason = check_password(password, email=EMAIL)
    assert reason == "The password is too easy to guess."


@pytest.mark.parametrize("password", [EMAIL, EMAIL.upper(), "ada.lovelace", "ADA.LOVELACE", "\uff41da.lovelace"])
def test_the_email_address_is_refused_as_a_password(password: str) -> None:
    assert check_password(password, email=EMAIL) == "The password is your email address."


def test_the_list_has_only_what_could_otherwise_be_chosen() -> None:
    assert len(COMMON_PASSWORDS) > 150
    assert all(len(word) >= SHORTEST and word == word.casefold() for word in COMMON_PASSWORDS)


@settings(deadline=None)
@given(st.text(min_size=SHORTEST - 2, max_size=SHORTEST + 20), st.text())
def test_any_text_is_judged(password: str, email: str) -> None:
    if check_password(password, email=email) is None:
        assert SHORTEST <= len(password) <= LONGEST
        assert password != email
