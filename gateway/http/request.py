"""Reading a GraphQL request: from a JSON object to an `OperationRequest`.

Shared by HTTP and websockets; what cannot be read raises `BadRequest`, whose message names what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.errors import BadRequest
from gateway.execution.operation import OperationRequest

KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def read_json(text: bytes | str, what: str) -> Any:
    """The JSON value that the text holds; `what` names it in the error."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{what} is not valid JSON: {error}") from None


def read_object(value: object, what: str) -> dict[str, Any]:
    """The value, which must be a JSON object."""
    if isinstance(value, dict):
        return value
    hint = " Batches are not supported: send one operation per request." if isinstance(value, list) else ""
    raise BadRequest(f"{what} must be an object, not {kind(value)}.{hint}")


def operation_request(members: Mapping[str, Any]) -> OperationRequest:
    """The request that the members make up; members that GraphQL does not know are ignored."""
    query = members.get("query")
    if query is None:
        raise BadRequest("`query` is missing: it must be a string that holds a GraphQL document.")
    if not isinstance(query, str):
        raise BadRequest(f"`query` must be a string, not {kind(query)}.")
    name = members.get("operationName")
    if not isinstance(name, str | None):
        raise BadRequest(f"`operationName` must be a string or null, not {kind(name)}.")
    return OperationRequest(query, name, _map(members, "variables"), _map(members, "extensions"))


def _map(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = members.get(name)
    if not isinstance(value, dict | None):
        raise BadRequest(f"`{name}` must be an object or null, not {kind(value)}.")
    return value or {}


def kind(value: object) -> str:
    """What JSON calls the value."""
    return KINDS[type(value)]
