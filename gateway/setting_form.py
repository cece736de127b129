"""The form that the values of some settings must have."""

from __future__ import annotations

import re
from base64 import b64decode
from urllib.parse import urlsplit

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]+", re.IGNORECASE)
HEADER_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
NATS_SERVER = re.compile(r"(nats|tls)://[^/?#\s]+/?")

IN_BASE64 = "whsec_"
"""How a secret of a webhook begins if the rest is base64."""


def is_a_webhook_secret(text: str) -> bool:
    """Whether it is long enough and, after `IN_BASE64`, in base64."""
    if not text.startswith(IN_BASE64):
        return len(text) >= 16
    try:
        return len(b64decode(text.removeprefix(IN_BASE64), validate=True)) >= 16
    except ValueError:
        return False


def is_a_broker(text: str) -> bool:
    """Whether it names a carrier of hints: this process, PostgreSQL or NATS servers."""
    return text in ("process:", "postgres:") or all(map(_is_a_nats_server, text.split(",")))


def _is_a_nats_server(text: str) -> bool:
    try:
        url = urlsplit(text)
        return bool(NATS_SERVER.fullmatch(text)) and bool(url.hostname) and url.port != 0
    except ValueError:
        return False
