"""GraphQL over HTTP: one request, one operation, one answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.auth.opaque.agent_token import NotLookedUp
from gateway.errors import BadRequest, Overloaded, ParleyError, Unauthenticated, Unavailable
from gateway.execution.complete import failed
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import Kind, OperationRequest, RequestErrors
from gateway.execution.prepare.text import are_exact, is_storable_json, may_hold_large_integers
from gateway.http.answer import JSON, REFUSED_BY_CODE, HttpError, Reply, negotiate, respond
from gateway.http.edge import Edge
from gateway.http.options import Options
from gateway.http.origin import ALLOWED_METHODS, preflight
from gateway.http.plain.body import read_body
from gateway.http.plain.head import PlainHead
from gateway.http.request.bearer import Verify, identify, identity_of
from gateway.http.request.client import client_of
from gateway.http.request.operation import operation_request, read_exact_json, read_json, read_object

Stream = Callable[[web.Request, Operation], Awaitable[web.StreamResponse]]

PARAMETERS = frozenset({"query", "documentId", "operationName", "variables", "extensions"})


class NeedsStream(Exception):
    """The request is a subscription whose client accepts an event stream."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Handles requests to the GraphQL path, except websockets."""

    edge: Edge
    verify: Verify
    options: Options
    refused: Counter[int] = field(default_factory=Counter)
    """Number of requests refused before they reached the engine, by HTTP status."""

    async def handle(self, request: web.Request, stream: Stream | None = None) -> web.StreamResponse:
        """Answer one request. Errors are answers too.

        If `stream` is passed, the client accepts an event stream for a subscription, and `stream` answers with one.
        """
        if request.method == "OPTIONS":
            return preflight(request, self.options)
        media_type = JSON
        try:
            media_type = negotiate(request.headers.get("Accept"))
            client = client_of(request.headers, request.remote, self.options)
            identity = await self.identify(request, client)
            asked = await self.read(request)
            operation = self.edge.engine.prepare(asked)
            if stream is not None and operation.kind == "subscription":
                return await stream(request, operation)
            refuse_what_http_cannot(operation.kind, request.method)
            return respond(await self.edge.answer(operation, identity, client), media_type).response()
        except (HttpError, ParleyError, RequestErrors) as error:
            return self.refuse(error, media_type).response()

    async def handle_plain(self, head: PlainHead, body: bytes, client: Client) -> Reply:
        """Answer a plain request. Raises only `NeedsStream`."""
        try:
            try:  # not by `identity_of`: a coroutine more would cost each request
                identity = identify(head.authorizations, self.verify)
            except NotLookedUp as unknown:
                identity = await unknown.look_up(client.address)
            operation = self.edge.engine.prepare(read_request(body))
            if operation.document.kind == "subscription":
                if head.takes_events:
                    raise NeedsStream
                refuse_what_http_cannot("subscription", "POST")
            return respond(await self.edge.answer(operation, identity, client), head.media_type)
        except (HttpError, ParleyError, RequestErrors) as error:
            return self.refuse(error, head.media_type)
        except NeedsStream:
            raise
        except Exception as error:  # noqa: BLE001 - the outer edge
            return respond(failed(error), JSON)

    async def identify(self, request: web.Request, client: Client) -> Identity | None:
        """The caller of a request. Raises `Unauthenticated`, `Overloaded` and `Unavailable`."""
        return await identity_of(lambda: identify(request.headers.getall("Authorization", []), self.verify), client)

    def refuse(self, error: HttpError | ParleyError | RequestErrors, media_type: str) -> Reply:
        """Answer a request that cannot be read or run, and count it unless the engine has."""
        reply = refuse(error, media_type)
        if not isinstance(error, RequestErrors):
            self.refused[reply.status] += 1
        return reply

    async def read(self, request: web.Request) -> OperationRequest:
        """Read a request. Raises `HttpError` or `BadRequest` if it is invalid."""
        match request.method:
            case "GET":
                return read_parameters(request)
            case "POST":
                check_content_type(request)
                limit, seconds = self.options.max_body_bytes, self.options.body_timeout_seconds
                return read_request(await read_body(request, limit=limit, seconds=seconds))
        raise HttpError(405, f"The method {request.method} is not allowed.", headers={"Allow": ALLOWED_METHODS})


def refuse(error: HttpError | ParleyError | RequestErrors, media_type: str) -> Reply:
    """The answer to a request that cannot be read or run, or whose token is invalid."""
    match error:
        case HttpError():
            return Reply(error.status, media_type, error.answer.bytes(), error.headers)
        case RequestErrors():
            return respond(failed(error), media_type)
        case Unauthenticated() | Overloaded() | Unavailable():
            status, headers = REFUSED_BY_CODE[error.code]
            return Reply(status, media_type, failed(error).bytes(), headers)
    return Reply(400, media_type, failed(error).bytes())


def read_request(body: bytes) -> OperationRequest:
    """The request in the body of a POST."""
    members, storable = read_object(read_json(body, "The body"), "The body"), is_storable_json(body)
    if not are_exact(members.get("variables")) and may_hold_large_integers(body):
        members, storable = read_exact_json(body, "The body"), False
    return operation_request(members, storable=storable)


def read_parameters(request: web.Request) -> OperationRequest:
    """The request in the parameters of a URL. Empty parameters are ignored."""
    parameters = [(name, value) for name, value in request.query.items() if name in PARAMETERS and value]
    members = dict(parameters)
    if len(members) < len(parameters):
        raise BadRequest("A URL parameter occurs more than once.")
    return operation_request(
        {
            name: read_exact_json(value, f"`{name}`") if name in ("variables", "extensions") else value
            for name, value in members.items()
        }
    )


def check_content_type(request: web.Request) -> None:
    """Accept only JSON. A cross-site page can send forms and plain text without a preflight request."""
    if request.content_type != JSON or "Content-Type" not in request.headers:
        raise HttpError(415, f"The body must be JSON: send it with the header Content-Type: {JSON}.")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise HttpError(415, "The body must be encoded in UTF-8.")


def refuse_what_http_cannot(kind: Kind, method: str) -> None:
    """Refuse subscriptions, which need a websocket, and mutations by GET, which may be repeated or cached."""
    if kind == "subscription":
        raise HttpError(
            400,
            "Subscriptions need a websocket: connect to this path with the subprotocol graphql-transport-ws, "
            "or accept text/event-stream.",
        )
    if kind == "mutation" and method == "GET":
        raise HttpError(405, "Mutations must be sent with POST.", headers={"Allow": "POST"})
