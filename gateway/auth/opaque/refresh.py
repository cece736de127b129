"""Refresh tokens: opaque and single-use.

A token that is genuine but does not match the stored hash is a reused one, not one forged from ids: ids are not secret,
and `Session.id` is in the API.
"""

from __future__ import annotations

import hashlib
import hmac

from gateway.auth.opaque.opaque_token import RANDOM_BYTES, OpaqueToken, TokenForm

REFRESH = TokenForm("plr_", b"parley refresh seal 1\0", "The refresh token is not valid.")

_SUCCESSION = b"parley refresh succession 1\0"


def succeed(text: str, refresh_key: bytes) -> OpaqueToken:
    """Derive the token that replaces a presented one. The result is deterministic for a token and a key.

    A client whose answer was lost presents its token again, and must get the same successor as in the first answer, of
    which only a hash is stored. So the successor's secret is not random but derived: HMAC-SHA-256 of the presented
    token under a key that only the gateways have. No generation counter is needed, because every secret in the chain
    differs.

    Why this is safe: a reader of the database has only hashes, and can neither invert them nor derive tokens from them.
    A holder of a used token lacks the key. A holder of the key lacks a token to start from. The key and any token of
    the chain, even an old one, together yield all later tokens; but the key is stored beside the one that signs access
    tokens, and a holder of that needs no refresh token. The code that stores the hashes decides whether a successor may
    be issued (once, and again for a few seconds).

    Raises `Unauthenticated` for a text that no gateway issued.
    """
    body = REFRESH.body(text, refresh_key)
    drawn = hmac.digest(refresh_key, _SUCCESSION + body, hashlib.sha256)[:RANDOM_BYTES]
    return REFRESH.seal(body[:32], drawn, refresh_key)
