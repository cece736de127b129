"""Signed links to exports: whoever has one may download the export until it expires.

The text is base64url of 16 bytes of user id, 16 of job id, 8 of the time of expiry and 32 of a MAC over the rest, under
a key that only the gateways have. The ids direct the look-up to the user's own data, under row-level security.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from uuid import UUID

PATH = "/exports/"

_LENGTH = 96  # 72 bytes in base64url
_MAC_BYTES = 32
_PURPOSE = b"parley export download 1\0"


@dataclass(frozen=True, slots=True)
class Download:
    """What a link allows."""

    user_id: UUID
    job_id: UUID
    expires_at: datetime.datetime
    """In UTC. Links have whole seconds."""

    def path(self, key: bytes) -> str:
        """The path of the link, such as `/exports/AZ…`."""
        content = self.user_id.bytes + self.job_id.bytes + int(self.expires_at.timestamp()).to_bytes(8)
        return PATH + urlsafe_b64encode(content + _mac(content, key)).decode()


def read_link(text: str, key: bytes, now: datetime.datetime) -> Download | None:
    """What a link allows, from the text after `PATH`; None if no gateway has made it, or if it has expired."""
    if len(text) != _LENGTH or not text.isascii():
        return None
    try:
        body = urlsafe_b64decode(text)
    except ValueError:
        return None
    # The decoder ignores unknown characters, but a link must have exactly one text.
    if urlsafe_b64encode(body).decode() != text:
        return None
    content, mac = body[:-_MAC_BYTES], body[-_MAC_BYTES:]
    if not hmac.compare_digest(_mac(content, key), mac):
        return None
    expires_at = datetime.datetime.fromtimestamp(int.from_bytes(content[32:]), datetime.UTC)
    return Download(UUID(bytes=content[:16]), UUID(bytes=content[16:32]), expires_at) if now < expires_at else None


def _mac(content: bytes, key: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + content, hashlib.sha256)
