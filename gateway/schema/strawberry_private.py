"""What is used of Strawberry's private parts: all names here, and no others anywhere.

`test_private_names.py` fails by name when one disappears.
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
"""No underscore, and no promise either."""


def core_of(schema: strawberry.Schema) -> GraphQLSchema:
    """The schema as graphql-core runs it."""
    core: GraphQLSchema = schema._schema
    return core


def made_by(core: GraphQLSchema) -> strawberry.Schema:
    """The schema that a schema of graphql-core was made by."""
    made: strawberry.Schema = core._strawberry_schema  # type: ignore[attr-defined]
    return made


core_info: Callable[[strawberry.Info], Any] = operator.attrgetter("_raw_info")
"""What graphql-core, or the engine, has given of a field. In C: it is asked in each resolver."""
