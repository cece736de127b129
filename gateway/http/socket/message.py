"""The messages of graphql-transport-ws: reading those of the client and writing ours.

What breaks the protocol raises `SocketClosedError` with code 4400 and a reason that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.errors import BadRequest
from gateway.execution.complete import Answer, FormattedError
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.request.operation import kind, read_exact_json, read_object

MAX_ID_LENGTH = 256
"""In characters. Each answer begins with the id, so a long one would make much of each event."""


@dataclass(frozen=True, slots=True)
class Init:
    """The client introduces itself, perhaps with a token."""

    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ping:
    """The client asks for a sign of life, or passes a new token."""

    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pong:
    """The client gives a sign of life."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The client wants an operation run."""

    id: str
    payload: dict[str, Any]
    """The GraphQL request. What is wrong with it concerns this operation, not the socket."""


@dataclass(frozen=True, slots=True)
class Complete:
    """The client wants no more of an operation."""

    id: str


Message = Init | Ping | Pong | Subscribe | Complete


def read_message(text: str) -> Message:
    """The message that the text holds."""
    try:
        return _message(read_object(read_exact_json(text, "The message"), "The message"))
    except BadRequest as error:
        raise SocketClosedError(CloseCode.INVALID_MESSAGE, error.message) from None


def _message(members: dict[str, Any]) -> Message:
    match members.get("type"):
        case "connection_init":
            return Init(_payload(members))
        case "ping":
            return Ping(_payload(members))
        case "pong":
            _payload(members)
            return Pong()
        case "subscribe":
            return Subscribe(_id(members), read_object(members.get("payload"), "The payload"))
        case "complete":
            return Complete(_id(members))
        case str(unknown):
            raise BadRequest(f"The message's type is unknown: {unknown[:40]!r}.")
        case None:
            raise BadRequest("The message has no type.")
        case other:
            raise BadRequest(f"The message's type must be a string, not {kind(other)}.")


def _payload(members: dict[str, Any]) -> dict[str, Any]:
    payload = members.get("payload")
    return {} if payload is None else read_object(payload, "The payload")


def _id(members: dict[str, Any]) -> str:
    given = members.get("id")
    if not isinstance(given, str) or not given:
        raise BadRequest(f"The message's id must be a non-empty string, not {kind(given)}.")
    if len(given) > MAX_ID_LENGTH:
        raise BadRequest(f"The message's id is longer than {MAX_ID_LENGTH} characters.")
    return given


def connection_ack() -> bytes:
    """The client may go on."""
    return b'{"type":"connection_ack"}'


def ping(payload: Mapping[str, Any]) -> bytes:
    """A sign of life that carries news."""
    return orjson.dumps({"type": "ping", "payload": payload})


def pong(payload: Mapping[str, Any] | None = None) -> bytes:
    """The answer to a ping."""
    return orjson.dumps({"type": "pong", "payload": payload} if payload else {"type": "pong"})


def next_prefix(operation_id: str) -> bytes:
    """What goes before each answer of a subscription; a brace goes behind it."""
    return orjson.dumps({"id": operation_id, "type": "next"})[:-1] + b',"payload":'


def answered(operation_id: str, answer: Answer) -> bytes:
    """An answer of an operation; one without data says that the operation was refused or broke off."""
    if answer.has_data:
        return orjson.dumps({"id": operation_id, "type": "next", "payload": orjson.Fragment(answer.bytes())})
    return errors(operation_id, answer.errors)


def errors(operation_id: str, found: tuple[FormattedError, ...]) -> bytes:
    """An operation has ended because it could not be run, or not to its end."""
    return orjson.dumps({"id": operation_id, "type": "error", "payload": found})


def completed(operation_id: str) -> bytes:
    """An operation has ended."""
    return orjson.dumps({"id": operation_id, "type": "complete"})
