"""Signals whose content is shown as it comes are sealed: whoever can write to the carrier still cannot make one up."""

from __future__ import annotations

import hashlib
import hmac

SEAL_BYTES = 16
_PURPOSE = b"parley signal"


def seal(payload: bytes, about: bytes, key: bytes) -> bytes:
    """The payload with a seal that fits what it is about only. All gateways of a deployment share the key."""
    digest = hashlib.blake2b(about + payload, digest_size=SEAL_BYTES, key=key[:64], person=_PURPOSE).digest()
    return digest + payload


def unseal(sealed: bytes, about: bytes, key: bytes) -> bytes | None:
    """What was sealed; None when the seal is wrong. `about` must be of one length for all that share a key."""
    payload = sealed[SEAL_BYTES:]
    return payload if hmac.compare_digest(sealed, seal(payload, about, key)) else None
