"""Reads and writes the messages of graphql-transport-ws.

A message that violates the protocol raises `SocketClosedError` with code 4400 and a reason.
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
"""In characters. Every answer repeats the id, so a long one would make up much of each event."""


@dataclass(frozen=True, slots=True)
class Init:
    """`connection_init`: opens the session, optionally with a token."""

    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ping:
    """`ping`: asks for a pong, or carries a new token."""

    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pong:
    """`pong`: the answer to a ping."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """`subscribe`: starts an operation."""

    id: str
    payload: dict[str, Any]
    """The GraphQL request. An error in it ends this operation, not the socket."""


@dataclass(frozen=True, slots=True)
class Complete:
    """`complete`: stops an operation."""

    id: str


Message = Init | Ping | Pong | Subscribe | Complete


def read_message(text: str) -> Message:
    """Parse a message of the client."""
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
    operation_id = members.get("id")
    if not isinstance(operation_id, str) or not operation_id:
        raise BadRequest(f"The message's id must be a non-empty string, not {kind(operation_id)}.")
    if len(operation_id) > MAX_ID_LENGTH:
        raise BadRequest(f"The message's id is longer than {MAX_ID_LENGTH} characters.")
    return operation_id


def connection_ack() -> bytes:
    """Accepts the client's `connection_init`."""
    return b'{"type":"connection_ack"}'


def ping(payload: Mapping[str, Any]) -> bytes:
    """A ping with a payload."""
    return orjson.dumps({"type": "ping", "payload": payload})


def pong(payload: Mapping[str, Any] | None = None) -> bytes:
    """The answer to a ping."""
    return orjson.dumps({"type": "pong", "payload": payload} if payload else {"type": "pong"})


def next_prefix(operation_id: str) -> bytes:
    """The part of a `next` message before the answer. A closing brace follows the answer."""
    return orjson.dumps({"id": operation_id, "type": "next"})[:-1] + b',"payload":'


def answered(operation_id: str, answer: Answer) -> bytes:
    """The message for an answer: `next`, or `error` if it has no data."""
    if answer.has_data:
        return orjson.dumps({"id": operation_id, "type": "next", "payload": orjson.Fragment(answer.bytes())})
    return errors(operation_id, answer.errors)


def errors(operation_id: str, formatted: tuple[FormattedError, ...]) -> bytes:
    """Ends an operation that was refused or failed."""
    return orjson.dumps({"id": operation_id, "type": "error", "payload": formatted})


def completed(operation_id: str) -> bytes:
    """Ends an operation normally."""
    return orjson.dumps({"id": operation_id, "type": "complete"})
