"""HTTP replies by the GraphQL-over-HTTP specification: media types and statuses."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from aiohttp import web

from gateway.errors import BadRequest, Forbidden, Overloaded, Unauthenticated, Unavailable
from gateway.execution.complete import ABSENT, INTERNAL, Answer
from gateway.execution.prepare.persisted import NOT_FOUND
from gateway.fairness.shares import Held

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"

NO_HEADERS: Mapping[str, str] = {}
UNAUTHENTICATED_HEADERS = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
RETRY_HEADERS = {"Retry-After": "1"}

REFUSED_BY_CODE: Mapping[str | None, tuple[int, Mapping[str, str]]] = {
    Unauthenticated.code: (401, UNAUTHENTICATED_HEADERS),
    Forbidden.code: (403, NO_HEADERS),
    Overloaded.code: (503, RETRY_HEADERS),
    Unavailable.code: (503, RETRY_HEADERS),
    INTERNAL: (500, NO_HEADERS),
    # Like Apollo Server: a client that treats other statuses as failures would not send the text.
    NOT_FOUND: (200, NO_HEADERS),
}
"""Statuses that do not depend on the media type.

They are for failures that a client or a proxy should recognise without reading the body, and for `NOT_FOUND`, which is
not a failure to them.
"""


class HttpError(Exception):
    """Ends a request with this status and one error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = BadRequest.code,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.answer = Answer(errors=({"message": message, "extensions": {"code": code}},))
        self.headers = headers or NO_HEADERS


class Reply(NamedTuple):
    """A response to the client, without the headers of every response.

    A tuple rather than a dataclass: one is created per request, in a third of the time.
    """

    status: int
    media_type: str
    body: bytes
    headers: Mapping[str, str] = NO_HEADERS
    held: Held | None = None
    """A large answer's claim on its caller's share, held until the reply is sent and no longer referenced."""

    @property
    def content_type(self) -> str:
        """The media type and the encoding."""
        return f"{self.media_type}; charset=utf-8"

    def response(self) -> web.Response:
        """The reply as an aiohttp response."""
        headers = {"Content-Type": self.content_type, **self.headers}
        response = web.Response(body=self.body, status=self.status, headers=headers)
        if self.held is not None:
            response["held"] = self.held
        return response


def respond(answer: Answer, media_type: str) -> Reply:
    """The engine's answer as a reply, with its status for this media type."""
    if answer.data is not ABSENT:
        return Reply(200, media_type, answer.bytes(), NO_HEADERS, answer.held)
    status, headers = _status_of_failure(answer, media_type)
    return Reply(status, media_type, answer.bytes(), headers)


def _status_of_failure(answer: Answer, media_type: str) -> tuple[int, Mapping[str, str]]:
    # Clients that ask for application/json treat any other status as a network or proxy failure.
    refused = 400 if media_type == GRAPHQL_JSON else 200
    return REFUSED_BY_CODE.get(answer.code, (refused, NO_HEADERS))


@lru_cache(maxsize=256)
def negotiate(accept: str | None) -> str:
    """The media type of the answer. Without a preference, the one that every client can read."""
    if accept is None or not accept.strip():
        return JSON
    wishes = [_wish(part) for part in accept.lower().split(",")]
    graphql, json = _quality(wishes, GRAPHQL_JSON), _quality(wishes, JSON)
    if not graphql and not json:
        raise HttpError(406, f"None of the media types in Accept is available: ask for {GRAPHQL_JSON} or {JSON}.")
    named = any(media_type == GRAPHQL_JSON for media_type, _ in wishes)
    return GRAPHQL_JSON if graphql > json or (graphql == json and named) else JSON


class Events(Enum):
    """When the answer may be an event stream. Only a client that names the media type can read one."""

    NEVER = auto()
    FOR_SUBSCRIPTIONS = auto()
    """JSON is accepted as well, and is used for queries and mutations."""
    ALWAYS = auto()
    """The client accepts no other media type that we can send."""


@lru_cache(maxsize=256)
def events_accepted(accept: str | None) -> Events:
    """When an Accept header allows event streams. Quality values are ignored: they rank media types, not operations."""
    wishes = [_wish(part) for part in (accept or "").lower().split(",")]
    if not any(name == EVENT_STREAM and quality for name, quality in wishes):
        return Events.NEVER
    json_accepted = _quality(wishes, GRAPHQL_JSON) or _quality(wishes, JSON)
    return Events.FOR_SUBSCRIPTIONS if json_accepted else Events.ALWAYS


def _wish(part: str) -> tuple[str, float]:
    media_type, *parameters = (piece.strip() for piece in part.split(";"))
    qualities = [each.partition("=")[2] for each in parameters if each.replace(" ", "").startswith("q=")]
    try:
        return media_type, float(qualities[0]) if qualities else 1.0
    except ValueError:
        return media_type, 0.0


def _quality(wishes: list[tuple[str, float]], media_type: str) -> float:
    """The quality value of a media type, from the most specific range that matches it."""
    for wished in (media_type, "application/*", "*/*"):
        if qualities := [quality for name, quality in wishes if name == wished]:
            return max(qualities)
    return 0.0
