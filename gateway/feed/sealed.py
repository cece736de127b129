"""Seals for signals, so that others with access to the carrier cannot forge them."""

from __future__ import annotations

import hashlib
import hmac

SEAL_BYTES = 16
_PURPOSE = b"parley signal"


def seal(payload: bytes, about: bytes, key: bytes) -> bytes:
    """Prefix a payload with a seal that is valid for `about` only. All gateways of a deployment share the key."""
    digest = hashlib.blake2b(about + payload, digest_size=SEAL_BYTES, key=key[:64], person=_PURPOSE).digest()
    return digest + payload


def unseal(sealed: bytes, about: bytes, key: bytes) -> bytes | None:
    """The sealed payload, or None if the seal is invalid. No `about` may begin with another one."""
    payload = sealed[SEAL_BYTES:]
    return payload if hmac.compare_digest(sealed, seal(payload, about, key)) else None
