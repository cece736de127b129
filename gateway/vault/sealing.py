"""Authenticated encryption: XChaCha20-Poly1305, bound to what the text is about.

A sealed text is `version | nonce | ciphertext`. The nonce is random: with 192 bits, no two are the same. What a text is
about is not stored in it, but authenticated with it, so a text that is moved elsewhere does not open there.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError

VERSION = b"\x01"
KEY_BYTES = 32
_NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_TAG_BYTES = 16


class CannotOpen(Exception):
    """A sealed text was changed, moved, or sealed with another key. The message contains nothing secret."""


@dataclass(frozen=True, slots=True)
class Key:
    """A symmetric key."""

    raw: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Key:
        """A random key."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def seal(self, plain: bytes, about: tuple[bytes, ...]) -> bytes:
        """Encrypt a text. Only the same key and the same `about` open it."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return VERSION + nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(plain, _bound(about), nonce, self.raw)

    def open(self, sealed: bytes, about: tuple[bytes, ...]) -> bytes:
        """Decrypt a sealed text. Raises `CannotOpen`."""
        start = len(VERSION) + _NONCE_BYTES
        if len(sealed) < start + _TAG_BYTES or not sealed.startswith(VERSION):
            raise CannotOpen("This is no sealed text of a known version.")
        nonce = sealed[len(VERSION) : start]
        try:
            return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[start:], _bound(about), nonce, self.raw)
        except CryptoError:
            raise CannotOpen("A sealed text was changed, or belongs elsewhere.") from None

    def fingerprint(self, text: bytes) -> str:
        """A keyed hash, by which equal texts are recognised without being revealed."""
        return hashlib.blake2b(text, digest_size=16, key=self.raw, person=b"fingerprint").hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """What a secret is about: whose it is, of which row, for what, and which of the secrets that this row has had."""

    user_id: UUID
    row_id: UUID
    purpose: str
    """The table and the column through which it is written, `<table>.<column>`."""
    generation: int
    """How often the row's secret was written. A secret of an earlier generation does not open."""
    details: tuple[str, ...] = ()
    """Values of the row that must not change without the secret, such as the provider of a key."""

    def parts(self) -> tuple[bytes, ...]:
        """What is authenticated with the secret."""
        texts = (self.purpose, str(self.generation), *self.details)
        return (b"secret", self.user_id.bytes, self.row_id.bytes, *(text.encode() for text in texts))


def _bound(about: tuple[bytes, ...]) -> bytes:
    """The parts, each with its length, so that no two lists give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in (VERSION, *about))
