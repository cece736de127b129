"""From the variables as they were sent to the values that resolvers get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLSchema, VariableValues, get_variable_values

from gateway.errors import BadRequest
from gateway.execution.document import MAX_ERRORS, without_values
from gateway.execution.operation import Document, RequestErrors
from gateway.execution.text import check_variables


def coerce(
    schema: GraphQLSchema, document: Document, variables: Mapping[str, Any], *, suggestions: bool
) -> VariableValues:
    """Check the variables and convert them to the types that the operation declares."""
    check_variables(variables)
    values = get_variable_values(
        schema,
        document.definition.variable_definitions or (),
        dict(variables),
        max_errors=MAX_ERRORS,
        hide_suggestions=not suggestions,
    )
    if isinstance(values, list):
        raise RequestErrors(without_values(values), BadRequest.code)
    return values
