"""Making an operation that fails a comparison smaller, for as long as it fails.

Hypothesis makes smaller the bytes that an operation follows from, which says little about the operation. This takes
away parts of the operation itself: selections, arguments, directives and fragments, one after the other.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableDefinitionNode,
    Visitor,
    parse,
    print_ast,
    validate,
    visit,
)
from graphql.language.visitor import REMOVE

from gateway.execution.prepare.request import OperationRequest

Attempt = Callable[[OperationRequest], Awaitable[Any]]


async def explain(schema: GraphQLSchema, request: OperationRequest, attempt: Attempt) -> None:
    """Raise what the attempt raises, of a request with as little left as it takes to fail in the same way."""
    if (expected := await failure(attempt, request)) is not None:
        printed = request._replace(query=print_ast(parse(request.query)))
        request = await _smallest(schema, printed, attempt, expected)
    try:
        await attempt(request)
    except Exception as error:
        error.add_note(f"{request.query}\nvariables: {dict(request.variables)}")
        raise


async def _smallest(
    schema: GraphQLSchema, request: OperationRequest, attempt: Attempt, expected: str
) -> OperationRequest:
    for smaller in _smaller(request):
        shrunk = len(smaller.query) < len(request.query)
        if shrunk and _is_valid(schema, smaller) and await failure(attempt, smaller) == expected:
            return await _smallest(schema, smaller, attempt, expected)
    return request


async def failure(attempt: Attempt, request: OperationRequest) -> str | None:
    """Where the attempt fails for this request, if it does."""
    try:
        await attempt(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {where.filename}:{where.lineno}"
    return None


def _is_valid(schema: GraphQLSchema, request: OperationRequest) -> bool:
    document = parse(request.query)
    # An operation of that name must be left, and graphql-core's parser takes selection sets with nothing in them.
    named = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    names = [node.name.value for node in named if node.name]
    is_whole = request.operation_name in names if request.operation_name else len(named) == 1
    return is_whole and not _EMPTY.search(request.query) and not validate(schema, document)


_EMPTY = re.compile(r"(?<![:,\[(=])\s+\{\s*\}")


def _smaller(request: OperationRequest) -> Iterator[OperationRequest]:
    """The request with one part less, large parts first."""
    document = parse(request.query)
    for part in sorted(_parts(document), key=lambda node: -len(print_ast(node))):
        changes: list[Visitor] = [_Without(part)]
        if (inner := getattr(part, "selection_set", None)) is not None:
            changes.append(_Instead(part, inner.selections))
        for change in changes:
            with suppress(GraphQLSyntaxError):  # nothing is left of a selection set
                yield _tidy(request, visit(document, change))


def _parts(document: DocumentNode) -> list[Node]:
    parts: list[Node] = []

    class Collect(Visitor):
        def enter(self, node: Node, *_: Any) -> None:
            if node.kind in ("field", "inline_fragment", "fragment_spread", "directive", "argument", "object_field"):
                parts.append(node)
            if isinstance(node, OperationDefinitionNode) and len(document.definitions) > 1:
                parts.append(node)

    visit(document, Collect())
    return parts


class _Without(Visitor):
    def __init__(self, part: Node) -> None:
        super().__init__()
        self.part = part

    def enter(self, node: Node, *_: Any) -> Any:
        return REMOVE if node is self.part else None


class _Instead(Visitor):
    """What a part holds where the part stands."""

    def __init__(self, part: Node, selections: tuple[Any, ...]) -> None:
        super().__init__()
        self.part = part
        self.selections = selections

    def enter_selection_set(self, node: Any, *_: Any) -> Any:
        if not any(each is self.part for each in node.selections):
            return None
        kept = [self.selections if each is self.part else (each,) for each in node.selections]
        return SelectionSetNode(selections=tuple(each for group in kept for each in group))


def _tidy(request: OperationRequest, document: DocumentNode) -> OperationRequest:
    """The request with this document, without the fragments and variables that nothing mentions any more."""
    before, text = "", print_ast(document)
    while before != text:
        before, text = text, print_ast(visit(parse(text), _Unused(text)))
    variables = {name: value for name, value in request.variables.items() if f"${name}" in text}
    return request._replace(query=text, variables=variables)


class _Unused(Visitor):
    """Removes what the text mentions but once: where it is declared."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
        return self._unless(re.findall(rf"\${node.variable.name.value}\b", self.text)[1:])

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> Any:
        return self._unless(re.findall(rf"\.\.\.\s*{node.name.value}\b", self.text))

    def _unless(self, mentions: list[str]) -> Any:
        return None if mentions else REMOVE
