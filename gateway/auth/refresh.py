"""Refresh tokens: opaque, single-use, and stored only as hashes.

The text is `plr_` followed by base64url of 16 bytes of user id, 16 of session id and 32 of secret. The ids direct the
look-up to the user's own partition of the data, under the user's own row-level security, without a table that spans all
users. The prefix lets secret scanners recognise leaked tokens.

The second half of the secret is a MAC over the rest, under a key that only the gateways have. It proves that a gateway
issued the token. So a token that does not match the stored hash is a reused one, not one forged from ids: ids are not
secret, and a forged token must not end a session.

The stored hash is the SHA-256 of the secret. A slow hash would add nothing: 128 random bits cannot be guessed.
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
    """A new token: the text for its holder, and the hash to store. Neither appears in logs."""

    text: str = field(repr=False)
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ParsedRefresh:
    """The key for looking up a presented token, and the hash that must be stored there."""

    user_id: UUID
    session_id: UUID
    hash: bytes = field(repr=False)


def mint(user_id: UUID, session_id: UUID, refresh_key: bytes) -> RefreshToken:
    """Create the first token of a session."""
    return _token(user_id.bytes + session_id.bytes, secrets.token_bytes(_RANDOM_BYTES), refresh_key)


def parse(text: str, refresh_key: bytes) -> ParsedRefresh:
    """Parse a presented token. Raises `Unauthenticated` for a text that no gateway issued."""
    body = _body(text, refresh_key)
    return ParsedRefresh(UUID(bytes=body[:16]), UUID(bytes=body[16:32]), _hash(body[32:]))


def succeed(text: str, refresh_key: bytes) -> RefreshToken:
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
    # The decoder ignores unknown characters and spare bits, but a token must have exactly one text.
    if _encode(body) != encoded:
        raise Unauthenticated(NOT_VALID)
    content, seal = body[:-_SEAL_BYTES], body[-_SEAL_BYTES:]
    if not hmac.compare_digest(_seal(content, refresh_key), seal):
        raise Unauthenticated(NOT_VALID)
    return body
