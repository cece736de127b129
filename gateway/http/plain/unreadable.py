"""Refuses a request whose head cannot be read: what is wrong with it, and which page may see that.

aiohttp stops at a line that is too long and does not parse the rest of the head. So the text of the head is searched
here, but only for the end of its first line and for its origin.
"""

from __future__ import annotations

import re
from typing import Any

from aiohttp.http_exceptions import LineTooLong

from gateway.http.answer import HttpError
from gateway.http.options import Options
from gateway.http.origin import cross_origin_headers
from gateway.http.plain.head import END_OF_HEAD

MAX_LINE_BYTES = 16 * 1024
"""Limit on the URL, and on each header including its name."""

MAX_HEADERS = 128

MAX_HEAD_BYTES = 64 * 1024
"""Limit on a head that arrives in pieces."""

NOT_HTTP = HttpError(400, "The request is not valid HTTP.")
LATE_HEAD = HttpError(408, "The request headers did not arrive in time.")
URL_TOO_LONG = HttpError(
    414, f"The URL is too long: the limit is {MAX_LINE_BYTES:,} bytes. Send the operation by POST."
)
HEADER_TOO_LARGE = HttpError(431, f"A header is too large: the limit is {MAX_LINE_BYTES:,} bytes.")
TOO_MANY_HEADERS = HttpError(
    431,
    f"The headers are too many or too large: the limit is {MAX_HEADERS} headers and {MAX_HEAD_BYTES:,} bytes.",
)

_TOO_MANY = "Too many headers received"
"""aiohttp's message."""

_ORIGIN = re.compile(rb"\r\norigin:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)


class Unreadable:
    """A head that aiohttp failed to parse.

    A head that is too long is read to its end before it is answered: only then is its origin known, and a client that
    is still sending when the connection is closed may never see the answer.
    """

    __slots__ = ("_is_whole", "error", "message", "text")

    def __init__(self, message: Any) -> None:
        """`message` is what aiohttp would have queued."""
        self.message = message
        self.error: BaseException = message[0].exc
        self.text = bytearray()
        self._is_whole = False

    def feed(self, data: bytes | bytearray) -> bool:
        """Add data. Returns True when the head is complete; later data is dropped."""
        if self._is_whole:
            return False
        searched = max(0, len(self.text) - len(END_OF_HEAD))
        self.text += data
        self._is_whole = (
            not (isinstance(self.error, LineTooLong) or self._has_too_many)
            or len(self.text) > MAX_HEAD_BYTES
            or self.text.find(END_OF_HEAD, searched) >= 0
        )
        return self._is_whole

    def refusal(self) -> HttpError:
        """The error to answer with."""
        if isinstance(self.error, LineTooLong):
            line_bytes = self.text.lstrip().find(b"\n")
            return HEADER_TOO_LARGE if 0 <= line_bytes <= MAX_LINE_BYTES else URL_TOO_LONG
        return TOO_MANY_HEADERS if self._has_too_many else NOT_HTTP

    @property
    def _has_too_many(self) -> bool:
        return getattr(self.error, "message", None) == _TOO_MANY


def headers_for(text: bytes | bytearray, options: Options) -> tuple[tuple[str, str], ...]:
    """The CORS headers for the origin in the text of this head, if it is trusted."""
    match = _ORIGIN.search(text)
    headers = {} if match is None else {"Origin": match[1].decode("latin-1")}
    return tuple(cross_origin_headers(headers, options).items())
