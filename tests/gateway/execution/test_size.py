"""How large a response may get is told from its document, and how large it is from its data."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from graphql import OperationDefinitionNode, build_schema, parse

from gateway.execution.complete import Large
from gateway.execution.prepare.document import fragments_of
from gateway.execution.prepare.response_size import size_factors
from gateway.execution.size import size_of

SCHEMA = build_schema("""
    type Query { node: Node, nodes: [Node!], text: String }
    type Node { id: ID, text: String, count: Int, kind: Kind, node: Node, nodes: [Node!] }
    enum Kind { A }
""")


@pytest.mark.parametrize(
    ("text", "copies"),
    [
        ("{ node { text id count } }", 1),
        ("{ text node { text } }", 1),
        ("{ node { a: text b: text c: text } }", 3),
        ("{ a: node { text } b: node { text } }", 2),
        ("{ node { text node { text nodes { text } } } }", 3),
        ("{ node { a: count b: count c: kind d: kind } }", 1),
        ("{ a: node { ...T } b: node { ...T ...T } } fragment T on Node { text }", 3),
        ("{ ...A ...A } fragment A on Query { a: node { ...B ...B } } fragment B on Node { x: text y: text }", 8),
        ("{ node { ... { text } ... on Node { text } } }", 2),
    ],
)
def test_copies_are_counted_through_fragments(text: str, copies: int) -> None:
    document = parse(text)
    (definition,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    assert size_factors(SCHEMA, definition, fragments_of(document)).copies == copies


DATA: list[Any] = [
    {},
    {"a": None, "b": True, "c": False},
    {"a": "text", "b": 'quoted " and \n', "c": "é", "d": "\x01" * 10},
    {"a": [1, 2.5, {"b": []}, [None]], "c": orjson.Fragment(b'{"already": "encoded"}')},
    Large({"a": [{"b": "c"}] * 20}),
]


@pytest.mark.parametrize("data", DATA)
def test_size_is_that_of_the_json(data: Any) -> None:
    size, exact = size_of(data, 10**9), len(orjson.dumps(data))
    assert exact <= size <= exact * 1.2 + 5


def test_counting_stops_above_the_most() -> None:
    shared = {"a": ["x" * 1000] * 1000}
    data = {"b": [shared] * 1_000_000}
    assert 10_000 < size_of(data, 10_000) < 20_000
