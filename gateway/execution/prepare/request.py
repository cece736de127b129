"""A request as a client sent it, and how it is refused before anything of it has run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from graphql import GraphQLError

Kind = Literal["query", "mutation", "subscription"]


NOTHING: Mapping[str, Any] = {}


class OperationRequest(NamedTuple):
    """A request as it was sent: nothing in it has been checked but the types of its members."""

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] = NOTHING
    extensions: Mapping[str, Any] = NOTHING
    sha256: str | None = None
    """The hash of the document, beside its text, or in its place: then the text is empty."""
    storable: bool = False
    """Whether it is known already that the variables hold nothing that the database could not."""


class RequestErrors(Exception):
    """The request is refused before anything of it has run."""

    def __init__(self, errors: Iterable[GraphQLError], code: str) -> None:
        self.errors = tuple(errors)
        self.code = code
        super().__init__("; ".join(error.message for error in self.errors))
