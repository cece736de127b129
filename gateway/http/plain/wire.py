"""Replies as the bytes of HTTP/1.1."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

from gateway.http.answer import Reply

COMMON_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""What every answer carries."""


class ReplyHeads:
    """Writes the heads of replies. What they begin with is made once a second, as the date is in it."""

    def __init__(self) -> None:
        self._second = 0
        self._beginnings: dict[object, bytes] = {}

    def write(self, reply: Reply, cross_origin: tuple[tuple[str, str], ...], *, closes: bool) -> bytes:
        """The head of a reply, with the headers for the page that asked and whether the connection is closed."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._beginnings.clear()
        # Few different ones: statuses have their headers, and origins are trusted ones.
        key = (reply.status, reply.media_type, cross_origin, closes)
        beginning = self._beginnings.get(key)
        if beginning is None:
            beginning = self._beginnings[key] = _beginning(reply, cross_origin, second, closes=closes)
        return b"%b%d\r\n\r\n" % (beginning, len(reply.body))


def _beginning(reply: Reply, cross_origin: tuple[tuple[str, str], ...], second: int, *, closes: bool) -> bytes:
    status = HTTPStatus(reply.status)
    headers = {
        "Content-Type": reply.content_type,
        "Date": formatdate(second, usegmt=True),
        **COMMON_HEADERS,
        **reply.headers,
        **dict(cross_origin),
        **({"Connection": "close"} if closes else {}),
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join((*lines, "Content-Length: ")).encode()
