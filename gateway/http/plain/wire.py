"""Writes the heads of replies as HTTP/1.1."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

from gateway.http.answer import Reply

COMMON_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""Headers of every response."""


class ReplyHeads:
    """Writes the heads of replies. Everything up to the length is cached for a second, because it contains the date."""

    def __init__(self) -> None:
        self._second = 0
        self._beginnings: dict[object, bytes] = {}

    def write(self, reply: Reply, cross_origin: tuple[tuple[str, str], ...], *, closes: bool) -> bytes:
        """The head of a reply, with its CORS headers and, if the connection is closed, `Connection: close`."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._beginnings.clear()
        # There are few keys: the status determines the headers, and only trusted origins occur.
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
