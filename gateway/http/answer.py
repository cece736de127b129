"""Writing answers as the GraphQL-over-HTTP specification has them: media types and statuses."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from gateway.errors import BadRequest, Forbidden, Overloaded, Unauthenticated, Unavailable
from gateway.execution.complete import INTERNAL, Answer

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"

UNAUTHENTICATED_HEADERS = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
RETRY_HEADERS = {"Retry-After": "1"}

REFUSED_BY_CODE: Mapping[str | None, tuple[int, Mapping[str, str]]] = {
    Unauthenticated.code: (401, UNAUTHENTICATED_HEADERS),
    Forbidden.code: (403, {}),
    Overloaded.code: (503, RETRY_HEADERS),
    Unavailable.code: (503, RETRY_HEADERS),
    INTERNAL: (500, {}),
}
"""Failures of the request as a whole that a client or a proxy should know without reading the body."""


class HttpError(Exception):
    """The request ends here, with this status and one error that says what is wrong."""

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
        self.headers = headers or {}


def respond(answer: Answer, media_type: str) -> web.Response:
    """The answer of the engine as an HTTP response."""
    status, headers = _status(answer, media_type)
    return write(answer, media_type, status, headers)


def write(answer: Answer, media_type: str, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """A response with this status, whatever the answer says."""
    return web.Response(body=answer.bytes(), status=status, headers=headers, content_type=media_type, charset="utf-8")


def _status(answer: Answer, media_type: str) -> tuple[int, Mapping[str, str]]:
    if answer.has_data:
        return 200, {}
    # Clients that ask for application/json take any other status for a failure of the network or of a proxy.
    refused = 400 if media_type == GRAPHQL_JSON else 200
    return REFUSED_BY_CODE.get(answer.code, (refused, {}))


def negotiate(accept: str | None) -> str:
    """The media type to answer in. Without a preference it is the one that every client can read."""
    if accept is None or not accept.strip():
        return JSON
    wishes = [_wish(part) for part in accept.lower().split(",")]
    graphql, json = _quality(wishes, GRAPHQL_JSON), _quality(wishes, JSON)
    if not graphql and not json:
        raise HttpError(406, f"Nothing that Accept names can be had: ask for {GRAPHQL_JSON} or {JSON}.")
    named = any(media_type == GRAPHQL_JSON for media_type, _ in wishes)
    return GRAPHQL_JSON if graphql > json or (graphql == json and named) else JSON


def _wish(part: str) -> tuple[str, float]:
    media_type, *parameters = (piece.strip() for piece in part.split(";"))
    qualities = [each.partition("=")[2] for each in parameters if each.replace(" ", "").startswith("q=")]
    try:
        return media_type, float(qualities[0]) if qualities else 1.0
    except ValueError:
        return media_type, 0.0


def _quality(wishes: list[tuple[str, float]], media_type: str) -> float:
    """How much the client wants it, by the most specific of its wishes."""
    for wished in (media_type, "application/*", "*/*"):
        if qualities := [quality for name, quality in wishes if name == wished]:
            return max(qualities)
    return 0.0
