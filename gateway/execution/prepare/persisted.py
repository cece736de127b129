"""Automatic persisted queries: operations sent as the SHA-256 hash of their text.

A client sends the hash alone. If the cache does not have the document, the client gets an error and sends the text with
the hash once; then the hash is enough, as long as this process's cache keeps the document. This only saves bandwidth;
it is not an allow-list, since anyone may add documents.

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
    """The cache key of the request's document: its hash if the request has one, else its text."""
    if request.sha256 is None:
        return request.query, request.operation_name
    if request.query and _sha256(request.query) != request.sha256:
        raise RequestErrors([GraphQLError("The hash is not the SHA-256 of the document.")], BadRequest.code)
    return request.sha256, request.operation_name, "sha256"


def text_of(request: OperationRequest) -> str:
    """The text of a document that is not in the cache."""
    if request.sha256 is not None and not request.query:
        # Clients match the message, not only the code.
        raise RequestErrors([GraphQLError("PersistedQueryNotFound")], NOT_FOUND)
    return request.query


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
