"""The schema, built once for all tests of a process."""

from __future__ import annotations

import functools

from graphql import GraphQLSchema

from gateway.schema import build


@functools.cache
def graphql_schema() -> GraphQLSchema:
    """The schema as graphql-core's type. Tests must not change it."""
    return build.graphql_schema()
