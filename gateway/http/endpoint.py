"""GraphQL over HTTP: one request, one operation, one answer."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from aiohttp import web

from gateway.errors import BadRequest, ParleyError, Unauthenticated
from gateway.execution.complete import failed
from gateway.execution.operation import Operation, OperationRequest, RequestErrors
from gateway.http.answer import JSON, UNAUTHENTICATED_HEADERS, HttpError, negotiate, respond, write
from gateway.http.bearer import identify
from gateway.http.body import read_body
from gateway.http.edge import Edge
from gateway.http.options import Options
from gateway.http.origin import ALLOWED_METHODS, preflight
from gateway.http.ports import Client, Verify
from gateway.http.request import operation_request, read_json, read_object

PARAMETERS = frozenset({"query", "operationName", "variables", "extensions"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Answers the requests to the GraphQL path, apart from websockets."""

    edge: Edge
    verify: Verify
    options: Options

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; what is wrong with it is an answer too."""
        if request.method == "OPTIONS":
            return preflight(request, self.options)
        media_type = JSON
        try:
            media_type = negotiate(request.headers.get("Accept"))
            return await self._answer(request, media_type)
        except HttpError as error:
            return write(error.answer, media_type, error.status, error.headers)
        except ParleyError as error:
            return refuse(error, media_type)
        except RequestErrors as error:
            return respond(failed(error), media_type)

    async def _answer(self, request: web.Request, media_type: str) -> web.Response:
        identity = identify(request, self.verify)
        operation = self.edge.engine.prepare(await self._read(request))
        refuse_what_http_cannot(operation, request.method)
        answer = await self.edge.answer(operation, identity, client_of(request, self.options))
        return respond(answer, media_type)

    async def _read(self, request: web.Request) -> OperationRequest:
        match request.method:
            case "GET":
                return read_parameters(request)
            case "POST":
                check_content_type(request)
                body = read_json(await read_body(request, self.options), "The body")
                return operation_request(read_object(body, "The body"))
        raise HttpError(405, f"{request.method} is not a way to ask.", headers={"Allow": ALLOWED_METHODS})


def refuse(error: ParleyError, media_type: str) -> web.Response:
    """The answer to a request that cannot be read, or whose token is not good."""
    if isinstance(error, Unauthenticated):
        return write(failed(error), media_type, 401, UNAUTHENTICATED_HEADERS)
    return write(failed(error), media_type, 400)


def read_parameters(request: web.Request) -> OperationRequest:
    """The request in the parameters of a URL; an empty parameter is one that is not there."""
    given = [(name, value) for name, value in request.query.items() if name in PARAMETERS and value]
    members = dict(given)
    if len(members) < len(given):
        raise BadRequest("A parameter of the URL is given more than once.")
    return operation_request(
        {
            name: read_json(value, f"`{name}`") if name in ("variables", "extensions") else value
            for name, value in members.items()
        }
    )


def check_content_type(request: web.Request) -> None:
    """Only JSON is read. Forms and plain text, which a foreign page can send unasked, are not."""
    if request.content_type != JSON or "Content-Type" not in request.headers:
        raise HttpError(415, f"The body must be JSON: send it with the header Content-Type: {JSON}.")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise HttpError(415, "The body must be encoded in UTF-8.")


def refuse_what_http_cannot(operation: Operation, method: str) -> None:
    """Subscriptions need a websocket, and what a GET does may happen twice or from a cache."""
    if operation.kind == "subscription":
        raise HttpError(
            400,
            "Subscriptions run over a websocket: connect to this path and speak graphql-transport-ws.",
        )
    if operation.kind == "mutation" and method == "GET":
        raise HttpError(405, "Mutations must be sent with POST.", headers={"Allow": "POST"})


def client_of(request: web.Request, options: Options) -> Client:
    """Where the request comes from. Of the addresses passed on, only those from our own proxies count."""
    passed_on = [each.strip() for value in request.headers.getall("X-Forwarded-For", []) for each in value.split(",")]
    believed = passed_on[-options.trusted_proxies :] if options.trusted_proxies else []
    agent = request.headers.get("User-Agent")
    return Client(_as_address(believed[0] if believed else request.remote), None if agent is None else _as_text(agent))


def _as_address(text: str | None) -> str | None:
    """The address without a zone; None for what is none, as some proxies write `unknown`, or a port behind it."""
    try:
        return str(ip_address((text or "").partition("%")[0]))
    except ValueError:
        return None


def _as_text(header: str) -> str:
    """A header without the lone surrogates that stand for bytes which are no UTF-8, and which nothing can store."""
    return header.encode(errors="surrogateescape").decode(errors="replace")
