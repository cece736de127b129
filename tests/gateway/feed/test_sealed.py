"""A seal fits one payload, about one thing, with one key."""

from __future__ import annotations

import pytest

from gateway.feed.sealed import SEAL_BYTES, seal, unseal

KEY, ABOUT, PAYLOAD = b"k" * 32, b"a" * 32, b'[7,"text"]'


def test_what_was_sealed_is_given_back() -> None:
    sealed = seal(PAYLOAD, ABOUT, KEY)
    assert len(sealed) == len(PAYLOAD) + SEAL_BYTES
    assert unseal(sealed, ABOUT, KEY) == PAYLOAD


@pytest.mark.parametrize(("about", "key"), [(b"b" * 32, KEY), (ABOUT, b"l" * 32)])
def test_a_seal_fits_nothing_else(about: bytes, key: bytes) -> None:
    assert unseal(seal(PAYLOAD, ABOUT, KEY), about, key) is None


def test_whatever_is_changed_is_noticed() -> None:
    sealed = seal(PAYLOAD, ABOUT, KEY)
    changed = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    shorter = [sealed[:length] for length in range(len(sealed))]
    assert {unseal(each, ABOUT, KEY) for each in (*changed, *shorter, sealed + b" ", PAYLOAD)} == {None}
