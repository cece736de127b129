"""The private and undocumented names of Strawberry that Parley uses. All are listed here.

`test_private_names.py` fails and names the one that disappeared.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import strawberry
from graphql import GraphQLSchema

PRIVATE = (
    "strawberry.Info._raw_info",
    "strawberry.Schema._schema",
    "strawberry.Schema._schema._strawberry_schema",
)

UNDOCUMENTED = (
    "strawberry.schema.schema_converter.GraphQLCoreConverter.DEFINITION_BACKREF",
    "strawberry.types.arguments.convert_argument",
)
"""Names without an underscore that are not documented either."""


def core_of(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema of a Strawberry schema."""
    core: GraphQLSchema = schema._schema
    return core


def made_by(core: GraphQLSchema) -> strawberry.Schema:
    """The Strawberry schema that a graphql-core schema was made from."""
    made: strawberry.Schema = core._strawberry_schema  # type: ignore[attr-defined]
    return made


core_info: Callable[[strawberry.Info], Any] = operator.attrgetter("_raw_info")
"""Returns the `info` of graphql-core or of the engine. An `attrgetter` is written in C: each resolver calls this."""
