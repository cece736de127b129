"""Access tokens: what is issued is what is read, for as long as it lasts. Forgeries are in `test_forgery`."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from gateway.auth import token as token_module
from gateway.auth.keyring import KeyRing
from gateway.auth.token import TokenAuthority
from gateway.errors import Unauthenticated

NOW = 1_800_000_000
USER, SESSION = uuid4(), uuid4()


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


def ring(*keys: OKPKey) -> KeyRing:
    keys = keys or (OKPKey.generate_key(auto_kid=True),)
    return KeyRing(signing=keys[0], verifying=keys, refresh_key=bytes(32))


def authority(
    keys: KeyRing | None = None, clock: Clock | None = None, *, remembered: int = 10_000, leeway: float = 0
) -> TokenAuthority:
    return TokenAuthority(
        keys or ring(),
        issuer="https://parley.test",
        audience="parley",
        clock=clock or Clock(),
        remembered=remembered,
        leeway_seconds=leeway,
    )


@pytest.fixture
def signatures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was looked at, as they come."""
    seen: list[str] = []

    def deserialize(token: str, key: OKPKey, registry: jws.JWSRegistry) -> jws.CompactSignature:
        seen.append(token)
        return jws.deserialize_compact(token, key, registry=registry)

    monkeypatch.setattr(token_module, "deserialize_compact", deserialize)
    return seen


def test_what_is_issued_is_what_is_read() -> None:
    ours = authority()
    issued = ours.issue(USER, SESSION)
    identity = ours.verify(issued.token)
    assert (identity.user_id, identity.credential_id, identity.actor) == (USER, SESSION, "user")
    assert identity.scopes == frozenset()
    assert identity.token_id == issued.token_id
    assert identity.expires_at == issued.expires_at == datetime.fromtimestamp(NOW + 900, UTC)


def test_header_and_claims_are_those_of_the_standards() -> None:
    issued = authority(keys := ring()).issue(USER, SESSION)
    header, claims, _ = issued.token.split(".")
    assert json.loads(urlsafe_b64decode(header + "==")) == {
        "alg": "EdDSA",
        "typ": "at+jwt",
        "kid": keys.signing.thumbprint(),
    }
    assert json.loads(urlsafe_b64decode(claims + "==")) == {
        "iss": "https://parley.test",
        "aud": "parley",
        "sub": str(USER),
        "sid": str(SESSION),
        "jti": issued.token_id,
        "iat": NOW,
        "exp": NOW + 900,
        "scope": "",
        "act": {"sub": "user"},
    }


def test_no_two_tokens_are_alike() -> None:
    ours = authority()
    assert ours.issue(USER, SESSION).token != ours.issue(USER, SESSION).token


def test_a_token_does_not_show_in_a_log() -> None:
    issued = authority().issue(USER, SESSION)
    assert issued.token not in repr(issued)


@pytest.mark.parametrize("known", [False, True], ids=["first seen", "seen before"])
def test_a_token_ends_on_the_second(known: bool) -> None:
    ours = authority(clock=(clock := Clock()))
    token = ours.issue(USER, SESSION).token
    if known:
        ours.verify(token)
    clock.now = NOW + 899.999
    if known:
        ours.verify(token)
    clock.now = NOW + 900
    with pytest.raises(Unauthenticated, match="has expired"):
        ours.verify(token)
    with pytest.raises(Unauthenticated, match="has expired"):
        ours.verify(token)


def test_leeway_is_granted_after_the_end() -> None:
    ours = authority(clock=(clock := Clock()), leeway=5)
    token = ours.issue(USER, SESSION).token
    clock.now = NOW + 904.5
    assert ours.verify(token) == ours.verify(token)
    clock.now = NOW + 905
    with pytest.raises(Unauthenticated, match="has expired"):
        ours.verify(token)


def test_a_clock_that_is_a_little_behind_is_forgiven() -> None:
    ours = authority()
    assert ours.verify(ours.issue(USER, SESSION, now=NOW + 60).token)
    with pytest.raises(Unauthenticated, match="not valid"):
        ours.verify(ours.issue(USER, SESSION, now=NOW + 61).token)


def test_a_signature_is_checked_once(signatures: list[str]) -> None:
    ours = authority()
    token = ours.issue(USER, SESSION).token
    assert ours.verify(token) is ours.verify("".join(token))
    assert signatures == [token]


def test_the_least_recently_used_token_is_forgotten_first(signatures: list[str]) -> None:
    ours = authority(remembered=2)
    first, second, third = (ours.issue(USER, SESSION).token for _ in range(3))
    for token in (first, second, first, third, first, third):
        ours.verify(token)
    assert signatures == [first, second, third]
    ours.verify(second)
    assert signatures == [first, second, third, second]


def test_a_refused_token_is_not_remembered(signatures: list[str]) -> None:
    ours = authority(keys := ring(), clock := Clock())
    early = ours.issue(USER, SESSION, now=NOW + 100).token
    with pytest.raises(Unauthenticated):
        ours.verify(early)
    clock.now = NOW + 100
    assert ours.verify(early)
    assert signatures == [early, early]
    assert authority(keys, clock).verify(early)


def test_after_a_rotation_both_keys_verify_and_the_new_one_signs() -> None:
    old, new = (OKPKey.generate_key(auto_kid=True) for _ in range(2))
    public = OKPKey.import_key({**old.as_dict(private=False)})
    rotated = authority(ring(new, public))
    assert rotated.verify(authority(ring(old)).issue(USER, SESSION).token)
    fresh = rotated.issue(USER, SESSION).token
    assert authority(ring(new)).verify(fresh)
    with pytest.raises(Unauthenticated, match="not valid"):
        authority(ring(old)).verify(fresh)
