"""Sealed texts: only the same key, at the same place, opens them unchanged."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.vault.sealing import CannotOpen, Key, Place
from gateway.vault.secret import Secret

KEY = Key(bytes(range(32)))
TEXTS = st.text(max_size=40)
PLACES = st.builds(
    Place,
    st.uuids(),
    st.uuids(),
    TEXTS,
    st.integers(0, 2**31),
    st.lists(TEXTS, max_size=3).map(tuple),
)


@given(st.binary(max_size=2000), PLACES)
def test_what_is_sealed_opens_where_it_was_sealed(plain: bytes, place: Place) -> None:
    sealed = KEY.seal(plain, place.parts())
    assert KEY.open(sealed, place.parts()) == plain
    assert len(plain) < 4 or plain not in sealed


@given(st.binary(max_size=200), PLACES)
def test_the_same_text_is_never_sealed_alike(plain: bytes, place: Place) -> None:
    assert KEY.seal(plain, place.parts()) != KEY.seal(plain, place.parts())


@given(st.binary(max_size=200), PLACES, PLACES)
def test_it_does_not_open_at_another_place(plain: bytes, place: Place, other: Place) -> None:
    """Whoever moves it to another user, row, purpose, provider or generation."""
    assume(place != other)
    with pytest.raises(CannotOpen):
        KEY.open(KEY.seal(plain, place.parts()), other.parts())


@pytest.mark.parametrize(
    "moved",
    [
        {"user_id": UUID(int=9)},
        {"row_id": UUID(int=9)},
        {"purpose": "provider_keys.other"},
        {"generation": 1},
        {"details": ("anthropic",)},
        {"details": ("open", "ai")},
        {"details": ()},
    ],
    ids=str,
)
def test_each_part_of_the_place_is_bound(moved: dict[str, Any]) -> None:
    place = Place(UUID(int=1), UUID(int=2), "provider_keys.sealed_key", 2, ("openai",))
    sealed = KEY.seal(b"secret", place.parts())
    with pytest.raises(CannotOpen):
        KEY.open(sealed, dataclasses.replace(place, **moved).parts())


@given(st.binary(max_size=200), PLACES, st.data())
def test_a_flipped_bit_is_noticed(plain: bytes, place: Place, data: st.DataObject) -> None:
    sealed = bytearray(KEY.seal(plain, place.parts()))
    position = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[position // 8] ^= 1 << position % 8
    with pytest.raises(CannotOpen):
        KEY.open(bytes(sealed), place.parts())


@given(st.binary(max_size=200), PLACES, st.data())
def test_a_part_of_it_does_not_open(plain: bytes, place: Place, data: st.DataObject) -> None:
    sealed = KEY.seal(plain, place.parts())
    cut = data.draw(st.integers(0, len(sealed) - 1))
    for part in (sealed[:cut], sealed[cut + 1 :], sealed + b"\0"):
        with pytest.raises(CannotOpen):
            KEY.open(part, place.parts())


@given(st.binary(max_size=400), PLACES)
def test_noise_does_not_open(noise: bytes, place: Place) -> None:
    for text in (noise, b"\x01" + noise):
        with pytest.raises(CannotOpen):
            KEY.open(text, place.parts())


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32), PLACES)
def test_another_key_does_not_open_it(plain: bytes, raw: bytes, place: Place) -> None:
    assume(raw != KEY.raw)
    with pytest.raises(CannotOpen):
        Key(raw).open(KEY.seal(plain, place.parts()), place.parts())


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_fingerprints_tell_texts_apart_and_need_the_key(one: bytes, other: bytes) -> None:
    assert (KEY.fingerprint(one) == KEY.fingerprint(other)) is (one == other)
    assert Key.new().fingerprint(one) != KEY.fingerprint(one)


@pytest.mark.parametrize(
    "show",
    [str, repr, "{}".format, "{!r:>20}".format, "%s".__mod__, lambda s: repr([s]), lambda s: repr({"k": s})],
)
def test_a_secret_does_not_show_itself(show: Callable[[Any], str]) -> None:
    assert "canary" not in show(Secret("canary-0123456789"))


@pytest.mark.parametrize("store", [pickle.dumps, json.dumps, copy.copy, copy.deepcopy, hash, lambda s: s == s])
def test_a_secret_is_not_copied_stored_or_compared(store: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError) as caught:
        store(Secret("canary-0123456789"))
    assert "canary" not in str(caught.value)


def test_a_key_does_not_show_itself(caplog: pytest.LogCaptureFixture) -> None:
    key = Key(b"canary" * 5 + b"xx")
    logging.getLogger("test").warning("%s %r", key, {"key": key})
    assert "canary" not in caplog.text + repr(key)
