"""The heads of plain requests. A plain request is a POST of JSON to the GraphQL path without unusual headers.

Nearly all requests are plain, and a client sends nearly the same head each time. Parsed heads are therefore cached by
their bytes, so that `connection.py` need not parse them again. Unusual, invalid and rare requests are not plain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import HttpVersion11
from aiohttp.http import RawRequestMessage
from multidict import CIMultiDictProxy

from gateway.auth.client import Client
from gateway.http.answer import Events, HttpError, events_accepted, negotiate
from gateway.http.options import Options
from gateway.http.origin import cross_origin_headers
from gateway.http.request.client import client_of

CONTENT_TYPES = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
UNUSUAL_HEADERS = ("Content-Encoding", "Expect", "Upgrade", "Transfer-Encoding")

END_OF_HEAD = b"\r\n\r\n"

MAX_KNOWN_HEADS = 512
MAX_KNOWN_BYTES = 4096
MAX_KNOWN_PEERS = 8
"""Peers remembered per head."""


@dataclass(frozen=True, slots=True)
class PlainHead:
    """The parsed head of a plain request."""

    body_bytes: int
    media_type: str
    authorizations: tuple[str, ...]
    message: RawRequestMessage
    """As aiohttp parsed it."""
    cross_origin: tuple[tuple[str, str], ...]
    """CORS headers of the answer."""
    closes: bool
    """Whether the client wants the connection closed after the answer."""
    takes_events: bool
    """Whether the client accepts an event stream for a subscription, which is not a plain answer."""
    _clients: dict[str | None, Client] = field(default_factory=dict, compare=False)

    def client(self, peer: str | None, options: Options) -> Client:
        """The client that sent this head from this address."""
        known = self._clients.get(peer)
        if known is None:
            if len(self._clients) >= MAX_KNOWN_PEERS:
                self._clients.clear()
            known = self._clients[peer] = client_of(self.message.headers, peer, options)
        return known


class PlainHeads:
    """Parses the heads of plain requests, and caches them."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[bytes, PlainHead] = {}
        self.known = self._known.get

    def keep(self, text: bytes, head: PlainHead) -> None:
        """Cache a head. The cache is bounded, because clients can send arbitrary heads."""
        if len(text) <= MAX_KNOWN_BYTES:
            if len(self._known) >= MAX_KNOWN_HEADS:
                self._known.clear()
            self._known[text] = head

    def read(self, message: RawRequestMessage) -> PlainHead | None:
        """Parse a head. Returns None if it is not plain."""
        headers = message.headers
        if message.method != "POST" or message.path not in self._options.paths or message.version != HttpVersion11:
            return None
        events = events_accepted(headers.get("Accept"))
        if events is Events.ALWAYS or any(name in headers for name in UNUSUAL_HEADERS):
            return None
        if headers.get("Content-Type", "").lower() not in CONTENT_TYPES:
            return None
        size = _body_bytes(headers)
        if size is None or size > self._options.max_body_bytes:
            return None
        try:
            media_type = negotiate(headers.get("Accept"))
        except HttpError:
            return None
        cross_origin = tuple(cross_origin_headers(headers, self._options).items())
        authorizations = tuple(headers.getall("Authorization", ()))
        takes_events = events is Events.FOR_SUBSCRIPTIONS
        closes = bool(message.should_close)
        return PlainHead(size, media_type, authorizations, message, cross_origin, closes, takes_events)


def request_bytes(data: bytes, message: object) -> int | None:
    """The length of the request at the beginning of the data, parsed as this message; None if uncertain.

    It must end exactly where the parser ended it; a different end would allow request smuggling. If every line ends in
    CRLF and the first line is not empty, the first empty line ends the head.
    """
    if not isinstance(message, RawRequestMessage) or message.chunked or message.upgrade:
        return None
    end = data.find(END_OF_HEAD) + len(END_OF_HEAD)
    head = data[:end]
    if end < len(END_OF_HEAD) or head[:1].isspace() or head.count(b"\n") != head.count(b"\r\n"):
        return None
    body = _body_bytes(message.headers)
    return None if body is None else end + body


def _body_bytes(headers: CIMultiDictProxy[str]) -> int | None:
    length = headers.get("Content-Length", "0")
    return int(length) if length.isascii() and length.isdigit() else None
