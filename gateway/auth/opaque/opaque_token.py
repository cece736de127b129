"""The form that all opaque tokens have.

The text is a prefix followed by base64url of 16 bytes of user id, 16 of the id of a row, and 32 of secret. The ids
direct the look-up to the user's own partition of the data, under the user's own row-level security, without a table
that spans all users. The prefix lets secret scanners recognise leaked tokens.

The second half of the secret is a MAC over the rest, under a key that only the gateways have. It proves that a gateway
issued the token, so a forged one is refused without a look-up. The database stores a SHA-256 hash of the secret, from
which nobody can derive the token.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from uuid import UUID

from gateway.errors import Unauthenticated

RANDOM_BYTES = 16
_SEAL_BYTES = 16
_BODY_LENGTH = 86  # 64 bytes in base64url without padding


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    """A new token: the text for its holder, and the hash to store. Neither appears in logs."""

    text: str = field(repr=False)
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """The key for looking up a presented token, and the hash that must be stored there."""

    user_id: UUID
    id: UUID
    """The id of the row: a session, or the token of an agent."""
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenForm:
    """One kind of opaque token."""

    prefix: str
    purpose: bytes
    """Begins what the MAC covers, so that no token of one kind is valid as another."""
    not_valid: str
    """The error message for a text that no gateway issued."""

    def mint(self, user_id: UUID, id: UUID, key: bytes) -> OpaqueToken:
        """Create a token for a row, with a random secret."""
        return self.seal(user_id.bytes + id.bytes, secrets.token_bytes(RANDOM_BYTES), key)

    def seal(self, ids: bytes, drawn: bytes, key: bytes) -> OpaqueToken:
        """Create the token with these ids and the first half of its secret."""
        secret = drawn + self._mac(ids + drawn, key)
        return OpaqueToken(self.prefix + _encode(ids + secret), hashlib.sha256(secret).digest())

    def parse(self, text: str, key: bytes) -> PresentedToken:
        """Parse a presented token. Raises `Unauthenticated` for a text that no gateway issued."""
        body = self.body(text, key)
        return PresentedToken(UUID(bytes=body[:16]), UUID(bytes=body[16:32]), hashlib.sha256(body[32:]).digest())

    def body(self, text: str, key: bytes) -> bytes:
        """The ids and the secret of a presented token. Raises `Unauthenticated` for a text that no gateway issued."""
        encoded = text.removeprefix(self.prefix)
        if len(encoded) != _BODY_LENGTH or len(text) != len(self.prefix) + _BODY_LENGTH or not encoded.isascii():
            raise Unauthenticated(self.not_valid)
        try:
            body = urlsafe_b64decode(encoded + "==")
        except ValueError:
            raise Unauthenticated(self.not_valid) from None
        # The decoder ignores unknown characters and spare bits, but a token must have exactly one text.
        if _encode(body) != encoded:
            raise Unauthenticated(self.not_valid)
        content, mac = body[:-_SEAL_BYTES], body[-_SEAL_BYTES:]
        if not hmac.compare_digest(self._mac(content, key), mac):
            raise Unauthenticated(self.not_valid)
        return body

    def _mac(self, content: bytes, key: bytes) -> bytes:
        return hmac.digest(key, self.purpose + content, hashlib.sha256)[:_SEAL_BYTES]


def _encode(body: bytes) -> str:
    return urlsafe_b64encode(body).decode().rstrip("=")
