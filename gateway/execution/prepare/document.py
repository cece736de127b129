"""Read a document: parse the text, choose the operation to run, validate.

Parsing is bounded and linear in the length of the text. Validation is not linear, so the limits (`limits.py`) are
checked before it: their cheap walk refuses documents made to be slow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    Node,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    specified_rules,
)
from graphql import parse as parse_document
from graphql import validate as find_errors

from gateway.errors import BadRequest
from gateway.execution.prepare.request import Kind, RequestErrors

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"

_QUOTED = re.compile(r"(, found|; found| Found|(?<=non string value)): .*", re.DOTALL)

MAX_CHARACTERS = 32 * 1024
MAX_TOKENS = 1_000
MAX_COMMENTS = 100
MAX_ERRORS = 10


@dataclass(frozen=True, slots=True)
class ParsedOperation:
    """The operation chosen from a document, with the document's fragments."""

    definition: OperationDefinitionNode
    name: str | None
    """The operation's name, if it has one."""
    kind: Kind
    """Whether the operation reads once, writes, or listens."""
    fragments: Mapping[str, FragmentDefinitionNode]
    field_names: frozenset[str]


def parse(text: str) -> DocumentNode:
    """Parse the text as GraphQL."""
    if len(text) > MAX_CHARACTERS:  # graphql-core would count its lines
        message = f"The document has more than {MAX_CHARACTERS:,} characters. Pass long values as variables."
        raise RequestErrors([GraphQLError(message)], PARSE_FAILED)
    try:
        return parse_document(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_COMMENTS)
    except GraphQLSyntaxError as error:
        raise RequestErrors([error], PARSE_FAILED) from None


def choose(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the named operation, or the document's only one if no name is given."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    named = [node for node in operations if name is None or (node.name and node.name.value == name)]
    if named and (name is not None or len(named) == 1):
        return named[0]
    if not operations:
        message = "The document contains no operation."
    elif name is None:
        message = "The document contains several operations: choose one with `operationName`."
    else:
        message = f"Unknown operation named '{name[:100]}'."
    raise RequestErrors([GraphQLError(message)], BadRequest.code)


def validate(schema: GraphQLSchema, document: DocumentNode, *, introspection: bool) -> None:
    """Validate the document against the schema.

    If introspection is off, errors suggest no names either, since suggestions would reveal the schema.
    """
    rules: tuple[type[ASTValidationRule], ...] = specified_rules
    if not introspection:
        rules = (*rules, NoSchemaIntrospectionCustomRule)
    if errors := find_errors(schema, document, rules, MAX_ERRORS, hide_suggestions=not introspection):
        raise RequestErrors(without_values(errors), VALIDATION_FAILED)


def without_values(errors: list[GraphQLError]) -> list[GraphQLError]:
    """Remove quoted input and text from the messages: it may include a password, and clients log errors."""
    for error in errors:
        error.message = _QUOTED.sub("", error.message)
    return errors


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    """The document's fragments by name."""
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def field_names(definition: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> frozenset[str]:
    """The names of all fields that the operation mentions, including its fragments."""
    names: set[str] = set()
    seen: set[str] = set()
    pending: list[Node] = [definition]
    while pending:
        node = pending.pop()
        if isinstance(node, FieldNode):
            names.add(node.name.value)
        if isinstance(node, FragmentSpreadNode):
            if node.name.value not in seen and node.name.value in fragments:
                seen.add(node.name.value)
                pending.append(fragments[node.name.value])
        elif selection_set := getattr(node, "selection_set", None):
            pending.extend(selection_set.selections)
    return frozenset(names)
