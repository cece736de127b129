"""Reads a GraphQL request: turns a JSON object into an `OperationRequest`.

Shared by HTTP and websockets. An invalid request raises `BadRequest`, whose message says what is wrong.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.errors import BadRequest
from gateway.execution.prepare.request import NOTHING, OperationRequest
from gateway.execution.prepare.text import FEWEST_LARGE_DIGITS, OversizedInteger, may_hold_large_integers

KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    OversizedInteger: "a number",
    type(None): "null",
}

_SHA256 = re.compile("[0-9a-f]{64}")


def read_json(text: bytes | str, what: str) -> Any:
    """Parse JSON. `what` names the value in the error. A leading byte order mark is ignored."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # Checked only after a failure, because clients rarely send one.
        bare = _without_mark(text)
        if len(bare) == len(text):
            raise BadRequest(f"{what} is not valid JSON: {error}") from None
    try:
        return orjson.loads(bare)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{what} is not valid JSON: {error}") from None


def _without_mark(text: bytes | str) -> bytes | str:
    return text.removeprefix("\ufeff") if isinstance(text, str) else text.removeprefix(codecs.BOM_UTF8)


def read_exact_json(text: bytes | str, what: str) -> Any:
    """Like `read_json`, with an `OversizedInteger` for each integer that would lose precision."""
    value = read_json(text, what)
    if not may_hold_large_integers(text.encode() if isinstance(text, str) else text):
        return value
    try:
        return json.loads(_without_mark(text), parse_int=_integer)
    except RecursionError:
        raise BadRequest(f"{what} is nested too deeply.") from None


def _integer(digits: str) -> int | OversizedInteger:
    if len(digits) < FEWEST_LARGE_DIGITS:
        return int(digits)
    value = orjson.loads(digits)
    return value if isinstance(value, int) else OversizedInteger()


def read_object(value: object, what: str) -> dict[str, Any]:
    """The value, if it is a JSON object. Raises `BadRequest` otherwise."""
    if isinstance(value, dict):
        return value
    hint = " Batches are not supported: send one operation per request." if isinstance(value, list) else ""
    raise BadRequest(f"{what} must be an object, not {kind(value)}.{hint}")


def operation_request(members: Mapping[str, Any], *, storable: bool = False) -> OperationRequest:
    """Build the request from its members. Unknown members are ignored; an empty name counts as none.

    `storable` says that the members contain nothing that PostgreSQL cannot store.
    """
    extensions, sha256 = NOTHING, None
    if "extensions" in members:
        extensions = _map(members, "extensions")
    if "documentId" in members:
        sha256 = _document_id(members["documentId"])
    if extensions and (persisted := extensions.get("persistedQuery")) is not None:
        sha256 = _same(sha256, _persisted_query(persisted))
    query = members.get("query")
    if query is None:
        if sha256 is None:
            raise BadRequest("`query` is missing: it must be a string that holds a GraphQL document.")
        query = ""
    if not isinstance(query, str):
        raise BadRequest(f"`query` must be a string, not {kind(query)}.")
    name = members.get("operationName")
    if name is not None and not isinstance(name, str):
        raise BadRequest(f"`operationName` must be a string or null, not {kind(name)}.")
    return OperationRequest(query, name or None, _map(members, "variables"), extensions, sha256, storable)


def _document_id(value: object) -> str | None:
    """The hash in a `documentId`, as in the persisted documents draft of GraphQL over HTTP."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadRequest(f"`documentId` must be a string or null, not {kind(value)}.")
    prefix, _, sha256 = value.partition(":")
    if prefix != "sha256" or not _SHA256.fullmatch(sha256):
        raise BadRequest("`documentId` must be `sha256:` and 64 hexadecimal digits, in lower case.")
    return sha256


def _persisted_query(value: object) -> str:
    """The hash in the form that Apollo's clients send."""
    members = read_object(value, "`extensions.persistedQuery`")
    version, sha256 = members.get("version"), members.get("sha256Hash")
    if version is True or version != 1:
        raise BadRequest("`extensions.persistedQuery.version` must be 1.")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise BadRequest("`extensions.persistedQuery.sha256Hash` must be 64 hexadecimal digits, in lower case.")
    return sha256


def _same(document_id: str | None, persisted_query: str) -> str:
    if document_id is not None and document_id != persisted_query:
        raise BadRequest("`documentId` and `extensions.persistedQuery` name two different documents.")
    return persisted_query


def _map(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = members.get(name)
    if type(value) is not dict and value is not None:
        raise BadRequest(f"`{name}` must be an object or null, not {kind(value)}.")
    return value or NOTHING


def kind(value: object) -> str:
    """The JSON type of the value, with an article."""
    return KINDS[type(value)]
