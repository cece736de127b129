"""Operations that are sent as the SHA-256 of their text.

A client sends the hash alone. If the cache has no such document, it is told so, sends the text with the hash once, and
from then on the hash is enough: for as long as the cache keeps the document, in this process. It saves bandwidth and is
no list of trusted documents, since anyone may add to it.

https://www.apollographql.com/docs/apollo-server/performance/apq
"""

from __future__ import annotations

import hashlib

from graphql import GraphQLError

from gateway.errors import BadRequest
from gateway.execution.prepare.request import OperationRequest, RequestErrors

NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"

Key = tuple[str, str | None] | tuple[str, str | None, str]


def key_of(request: OperationRequest) -> Key:
    """What the request's document goes by in the cache: its text, or its hash if the request has one."""
    if request.sha256 is None:
        return request.query, request.operation_name
    if request.query and _sha256(request.query) != request.sha256:
        raise RequestErrors([GraphQLError("The hash is not the SHA-256 of the document.")], BadRequest.code)
    return request.sha256, request.operation_name, "sha256"


def text_of(request: OperationRequest) -> str:
    """The text of a document that the cache does not have."""
    if request.sha256 is not None and not request.query:
        # Clients know the message, and not only the code.
        raise RequestErrors([GraphQLError("PersistedQueryNotFound")], NOT_FOUND)
    return request.query


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
