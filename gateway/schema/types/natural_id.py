"""Ids of rows that have a natural key, such as the provider and the name of a model."""

from __future__ import annotations

import hashlib

from asyncpg.pgproto import pgproto

_SEPARATOR = "\x1f"


def natural_id(*parts: str) -> pgproto.UUID:
    """The id of the row with this key, as the function `natural_id` in the database makes it."""
    # A lone surrogate is in no stored key, but a client may ask for it.
    digest = bytearray(hashlib.sha256(_SEPARATOR.join(parts).encode(errors="surrogatepass")).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return pgproto.UUID(bytes(digest))
