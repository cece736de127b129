"""Refresh tokens: opaque, used once, and stored only as a hash.

The text is `plr_` and, in base64url, 16 bytes of user id, 16 of session id and 32 of secret. The ids are in
it so that a look-up goes to the user's own partition of the data, under the user's own row-level security,
without a table that spans all users. The prefix lets secret scanners recognise a token that was published.

The second half of the secret is a seal over the rest, under a key that only the gateways have. It proves that
a gateway gave the token out, so what is presented again is a used token and not one that somebody made up of
ids: those are no secret, and a made-up token must not end a session.

What is stored is the SHA-256 of the secret. A slow hash would add nothing: 128 random bits cannot be guessed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from uuid import UUID

from gateway.errors import Unauthenticated

PREFIX = "plr_"
NOT_VALID = "The refresh token is not valid."

_RANDOM_BYTES = _SEAL_BYTES = 16
_BODY_LENGTH = 86  # 64 bytes in base64url without padding
_SUCCESSION = b"parley refresh succession 1\0"
_SEAL = b"parley refresh seal 1\0"


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A new token: the text for its holder, and the hash to store. Neither shows in a log."""

    text: str = field(repr=False)
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParsedRefresh:
    """Where to look a presented token up, and the hash that must be found there."""

    user_id: UUID
    session_id: UUID
    hash: bytes = field(repr=False)


def mint(user_id: UUID, session_id: UUID, refresh_key: bytes) -> RefreshToken:
    """The first token of a session."""
    return _token(user_id.bytes + session_id.bytes, secrets.token_bytes(_RANDOM_BYTES), refresh_key)


def parse(text: str, refresh_key: bytes) -> ParsedRefresh:
    """The parts of a presented token. Raises Unauthenticated for a text that no gateway gave out."""
    body = _body(text, refresh_key)
    return ParsedRefresh(UUID(bytes=body[:16]), UUID(bytes=body[16:32]), _hash(body[32:]))


def succeed(text: str, refresh_key: bytes) -> RefreshToken:
    """The token that replaces a presented one: always the same, for the same token and key.

    A client whose answer was lost presents its token again, and must get the successor that the first answer
    held, of which only a hash is stored. So the successor's secret is not drawn but derived: HMAC-SHA-256 of
    the presented token under a key that only the gateways have. No generation is counted: each secret
    differs, so each token stands for its own place in the chain.

    Why that is safe: whoever reads the database has hashes, and can neither invert them nor derive from them.
    Whoever has a used token lacks the key. Whoever has the key lacks a token to begin from. The key and a
    token together, even one used long ago, do give all that follow; but the key lies beside the one that
    signs access tokens, and who has that needs no refresh token. Whether a successor may be handed out (once,
    and for a few seconds again) is decided where the hashes are stored.

    Raises Unauthenticated for a text that no gateway gave out.
    """
    body = _body(text, refresh_key)
    drawn = hmac.digest(refresh_key, _SUCCESSION + body, hashlib.sha256)[:_RANDOM_BYTES]
    return _token(body[:32], drawn, refresh_key)


def _token(ids: bytes, drawn: bytes, refresh_key: bytes) -> RefreshToken:
    secret = drawn + _seal(ids + drawn, refresh_key)
    return RefreshToken(PREFIX + _encode(ids + secret), _hash(secret))


def _seal(content: bytes, refresh_key: bytes) -> bytes:
    return hmac.digest(refresh_key, _SEAL + content, hashlib.sha256)[:_SEAL_BYTES]


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _encode(body: bytes) -> str:
    return urlsafe_b64encode(body).decode().rstrip("=")


def _body(text: str, refresh_key: bytes) -> bytes:
    encoded = text.removeprefix(PREFIX)
    if len(encoded) != _BODY_LENGTH or len(text) != len(PREFIX) + _BODY_LENGTH or not encoded.isascii():
        raise Unauthenticated(NOT_VALID)
    try:
        body = urlsafe_b64decode(encoded + "==")
    except ValueError:
        raise Unauthenticated(NOT_VALID) from None
    # The decoder skips what it does not know and ignores spare bits: a token must have one text only.
    if _encode(body) != encoded:
        raise Unauthenticated(NOT_VALID)
    content, seal = body[:-_SEAL_BYTES], body[-_SEAL_BYTES:]
    if not hmac.compare_digest(_seal(content, refresh_key), seal):
        raise Unauthenticated(NOT_VALID)
    return body
