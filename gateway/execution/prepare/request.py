"""A request as the client sent it, and the error that refuses it before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from graphql import GraphQLError

Kind = Literal["query", "mutation", "subscription"]


NOTHING: Mapping[str, Any] = {}


class OperationRequest(NamedTuple):
    """A request as it was sent. Only the types of its members have been checked."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] = NOTHING
    extensions: Mapping[str, Any] = NOTHING
    sha256: str | None = None
    """The hash of the document. If it is sent without the text, `query` is empty."""
    storable: bool = False
    """Whether the variables are already known to hold nothing that the database cannot store."""


class RequestErrors(Exception):
    """The request is refused before anything runs."""

    def __init__(self, errors: Iterable[GraphQLError], code: str) -> None:
        self.errors = tuple(errors)
        self.code = code
        super().__init__("; ".join(error.message for error in self.errors))
