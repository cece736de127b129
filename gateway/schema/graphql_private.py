"""The undocumented names of graphql-core that Parley uses. They are used through this module only.

`test_private_names.py` fails and names the one that disappeared.
"""

from __future__ import annotations

from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValueSource
from graphql.language.ast import QUERY_DOCUMENT_KEYS
from graphql.utilities.coerce_input_value import coerce_default_value
from graphql.utilities.print_schema import print_schema_definition

UNDOCUMENTED = (
    "graphql.execution.collect_fields.FragmentDetails",
    "graphql.execution.executor_throwing_on_incremental.ExecutorThrowingOnIncremental",
    "graphql.execution.get_variable_signature.GraphQLVariableSignature",
    "graphql.execution.get_variable_signature.get_variable_signature",
    "graphql.execution.values.VariableValueSource",
    "graphql.language.ast.QUERY_DOCUMENT_KEYS",
    "graphql.utilities.coerce_input_value.coerce_default_value",
    "graphql.utilities.print_schema.print_schema_definition",
)

__all__ = [
    "QUERY_DOCUMENT_KEYS",
    "ExecutorThrowingOnIncremental",
    "FragmentDetails",
    "GraphQLVariableSignature",
    "VariableValueSource",
    "coerce_default_value",
    "get_variable_signature",
    "print_schema_definition",
]
