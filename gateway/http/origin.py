"""Which pages may call: the gateway's own and those of trusted origins.

A browser names the origin of the page. What names none is not a browser, and has nobody's rights to borrow.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from gateway.errors import Forbidden
from gateway.http.answer import HttpError
from gateway.http.options import Options

ALLOWED_METHODS = "GET, POST, OPTIONS"
ALLOWED_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Last-Event-ID",
    # Tracing.
    "baggage",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "X-Request-ID",
    # Apollo's clients, and what some clients send so that a browser asks first.
    "apollo-require-preflight",
    "apollographql-client-name",
    "apollographql-client-version",
    "GraphQL-Preflight",
    "X-Apollo-Operation-ID",
    "X-Apollo-Operation-Name",
    "X-Apollo-Operation-Type",
    "X-Requested-With",
)
"""Request headers that trusted pages may send: those that we read, and those that stock clients add."""
PREFLIGHT_SECONDS = "600"
NOT_ALLOWED = HttpError(403, "This origin is not allowed.", code=Forbidden.code)


def may_connect(request: web.Request, options: Options) -> bool:
    """Whether a page may open a websocket, or a stream, which browsers leave to the server to decide."""
    origin = request.headers.get("Origin")
    if origin is None or origin in options.trusted_origins:
        return True
    scheme, _, host = origin.lower().partition("://")
    # Whether with TLS is not compared: that often ends before the gateway.
    return scheme in ("http", "https") and host == request.host.lower() != ""


def cross_origin_headers(headers: Mapping[str, str], options: Options) -> dict[str, str]:
    """What lets a trusted page read the answer. Credentials are not allowed: a token is no cookie."""
    if not options.trusted_origins:
        return {}
    origin = headers.get("Origin")
    if origin is None or origin not in options.trusted_origins:
        return {"Vary": "Origin"}
    return {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After, WWW-Authenticate",
    }


def preflight(request: web.Request, options: Options) -> web.Response:
    """The answer to OPTIONS: what the path takes and, to a trusted page, what it may send."""
    response = web.Response(status=204, headers={"Allow": ALLOWED_METHODS})
    if request.headers.get("Origin") in options.trusted_origins:
        response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        response.headers["Access-Control-Allow-Headers"] = ", ".join((*ALLOWED_HEADERS, *options.allowed_headers))
        response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
    return response
