"""Which pages may call the gateway: its own and those of trusted origins.

A browser sends the origin of the page. A client that sends none is not a browser, so a page cannot misuse its user's
rights.
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
    # Apollo's clients, and headers that force a preflight request.
    "apollo-require-preflight",
    "apollographql-client-name",
    "apollographql-client-version",
    "GraphQL-Preflight",
    "X-Apollo-Operation-ID",
    "X-Apollo-Operation-Name",
    "X-Apollo-Operation-Type",
    "X-Requested-With",
)
"""Request headers that trusted pages may send: those that Parley reads, and those that stock clients add."""
PREFLIGHT_SECONDS = "600"
NOT_ALLOWED = HttpError(403, "This origin is not allowed.", code=Forbidden.code)


def may_connect(request: web.Request, options: Options) -> bool:
    """Whether a page may open a websocket or a stream. Browsers leave this decision to the server."""
    origin = request.headers.get("Origin")
    if origin is None or origin in options.trusted_origins:
        return True
    scheme, _, host = origin.lower().partition("://")
    # The scheme is not compared, because TLS often ends at a proxy.
    return scheme in ("http", "https") and host == request.host.lower() != ""


def cross_origin_headers(headers: Mapping[str, str], options: Options) -> dict[str, str]:
    """CORS headers that let a trusted page read the answer. Credentials are not allowed, because none are cookies."""
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
    """The answer to OPTIONS: the allowed methods and, for a trusted page, the allowed headers."""
    response = web.Response(status=204, headers={"Allow": ALLOWED_METHODS})
    if request.headers.get("Origin") in options.trusted_origins:
        response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        response.headers["Access-Control-Allow-Headers"] = ", ".join((*ALLOWED_HEADERS, *options.allowed_headers))
        response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
    return response
