"""Refresh tokens: opaque, used once, and stored only as a hash.

The text is `plr_` and, in base64url, 16 bytes of user id, 16 of session id and 32 of secret. The ids are in
it so that a look-up goes to the user's own partition of the data, under the user's own row-level security,
without a table that spans all users; they are no proof of anything. The prefix lets secret scanners recognise
a token that was published.

What is stored is the SHA-256 of the secret. A slow hash would add nothing: a secret of 256 random bits cannot
be guessed.
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

_SECRET_BYTES = 32
_BODY_LENGTH = 86  # 64 bytes in base64url without padding
_SUCCESSION = b"parley refresh succession 1\0"


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


def mint(user_id: UUID, session_id: UUID) -> RefreshToken:
    """The first token of a session."""
    return _token(user_id.bytes + session_id.bytes, secrets.token_bytes(_SECRET_BYTES))


def parse(text: str) -> ParsedRefresh:
    """The parts of a presented token. Raises Unauthenticated for a text that is not a refresh token."""
    body = _body(text)
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

    Raises Unauthenticated for a text that is not a refresh token.
    """
    body = _body(text)
    return _token(body[:32], hmac.digest(refresh_key, _SUCCESSION + body, hashlib.sha256))


def _token(ids: bytes, secret: bytes) -> RefreshToken:
    return RefreshToken(PREFIX + _encode(ids + secret), _hash(secret))


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _encode(body: bytes) -> str:
    return urlsafe_b64encode(body).decode().rstrip("=")


def _body(text: str) -> bytes:
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
    return body
