"""Signatures of webhooks by the Standard Webhooks specification.

A signature is an HMAC-SHA256 over `id.timestamp.body`. The header `webhook-signature` holds one or more, separated by
spaces, each with its version in front: `v1,<base64>`. While secrets are changed, a sender signs with both.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from gateway.setting_form import IN_BASE64

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

TOLERANCE_SECONDS = 300
"""How far the time of a webhook may be from the present."""

LONGEST_ID = 255
MOST_SIGNATURES = 10

_VERSION = "v1"
_FORM = re.compile(rf"{_VERSION},[A-Za-z0-9+/]{{43}}=")


def key_of(secret: str) -> bytes:
    """The key in a secret: after `whsec_` in base64; otherwise the secret's own bytes, as Polar uses it."""
    if secret.startswith(IN_BASE64):
        return base64.b64decode(secret.removeprefix(IN_BASE64), validate=True)
    return secret.encode()


def signed(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    """The signature of a webhook, with its version."""
    digest = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"{_VERSION},{base64.b64encode(digest).decode()}"


def is_plausible(headers: Mapping[str, str], now: float) -> bool:
    """Whether a body may follow for which one of the signatures is right: without reading it, or the keys."""
    id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not 0 < len(id) <= LONGEST_ID or not id.isascii() or not id.isprintable():
        return False
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > len("9999999999"):
        return False
    return abs(int(timestamp) - now) <= TOLERANCE_SECONDS and any(map(_FORM.fullmatch, _given(headers)))


def is_authentic(headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: float) -> bool:
    """Whether one of the signatures was made with one of the keys, for this body, at about this time."""
    if not is_plausible(headers, now):
        return False
    given = [each.encode() for each in _given(headers)]
    right = [signed(key, headers[ID], headers[TIMESTAMP], body).encode() for key in keys]
    return any(hmac.compare_digest(one, other) for one in given for other in right)


def _given(headers: Mapping[str, str]) -> list[str]:
    return headers.get(SIGNATURE, "").split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]
