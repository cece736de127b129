"""What one operation may ask for, and documents that were made to hurt."""

from __future__ import annotations

import pytest
from graphql import OperationDefinitionNode, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.execution import Engine
from gateway.execution.prepare.document import fragments_of
from gateway.execution.prepare.limits import Limits, _Walk
from gateway.execution.prepare.request import OperationRequest
from tests.gateway.execution.refusal import refusal
from tests.gateway.toy import toy_schema

SCHEMA = toy_schema()


def chain(length: int, body: str, end: str = "id") -> str:
    """Fragments that each stand for `body` with the next one in it."""
    fragments = [
        f"fragment f{number} on Node {{ {body.replace('NEXT', f'...f{number + 1}')} }}" for number in range(length)
    ]
    return "{ node { ...f0 } } " + " ".join(fragments) + f" fragment f{length} on Node {{ {end} }}"


HOSTILE = {
    "a fragment bomb": chain(60, "NEXT NEXT"),
    "a fragment bomb in width": chain(40, "a: node { NEXT } b: node { NEXT }"),
    "a fragment bomb by inline fragments": chain(40, "... { NEXT } ... on Node { NEXT }"),
    "a chain of fragments": chain(120, "NEXT"),
    "an alias bomb": "{ node {" + " ".join(f"a{number}: id" for number in range(240)) + "} }",
    "an alias bomb by fragments": chain(9, "a: node { NEXT } b: node { NEXT } c: node { NEXT }"),
    "the same field again and again": "{ node {" + "node { id } " * 200 + "} }",
    "root fields": "{" + " ".join(f"a{number}: hello" for number in range(51)) + "}",
    "depth": "{" + "node {" * 15 + "id" + "}" * 16,
    "depth by fragments": chain(15, "node { NEXT }"),
    "lists in lists": "{" + "nodes {" * 7 + "id" + "}" * 8,
    "deep inline fragments": "{ node {" + "... {" * 150 + "id" + "}" * 152,
    "introspection": "{ __schema { types {" + "fields { type {" * 20 + "name" + "} }" * 20 + "} } }",
    "deep introspection of types": '{ __type(name: "Node") {' + "ofType {" * 30 + "name" + "}" * 32,
    "a bomb of introspection": (
        "{ __schema { types { ...f0 } } }"
        + "".join(
            f" fragment f{n} on __Type {{ a: ofType {{ ...f{n + 1} }} b: ofType {{ ...f{n + 1} }} }}" for n in range(13)
        )
        + " fragment f13 on __Type { name }"
    ),
    "a fragment within itself": "{ node { ...A } } fragment A on Node { node { ...A } }",
    "fragments in a circle": "{ node { ...A } } fragment A on Node { ...B } fragment B on Node { ...A ...A }",
    "a bomb in the operation that is not chosen": "query Run { hello } query Not { node {"
    + "node { id } " * 150
    + "} }",
    "a bomb in a fragment that is not used": "query Run { hello } fragment Not on Node {" + "node { id } " * 150 + "}",
    "directives": "{ hello " + "@skip(if: true) " * 130 + "}",
    "variables": "query (" + " ".join(f"$v{number}: Int" for number in range(240)) + ") { hello }",
    "members": "{ echo(any: [{" + " ".join(f"a{number}: 1" for number in range(101)) + "}]) }",
    "operations": "query Run { hello }" + " ".join(f" query Q{number} {{ hello }}" for number in range(50)),
    "fragments side by side": "{ node {"
    + " ".join(f"...f{number}" for number in range(40))
    + "} }"
    + " ".join(f" fragment f{number} on Node {{ node {{ node {{ id }} }} }}" for number in range(40)),
    "unknown fragments": "{ node {" + " ".join(f"...f{number}" for number in range(240)) + "} }",
    "conflicting arguments": "{ a: node { id } " + " ".join(f"a: double(of: {number})" for number in range(100)) + "}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_document_is_refused(engine: Engine, name: str) -> None:
    text = HOSTILE[name]
    assert refusal(engine, text, "Run" if "Run" in text else None).code == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (HOSTILE["an alias bomb by fragments"], "more than 5,000 fields"),
        (HOSTILE["an alias bomb"], "more than 200 aliases"),
        (HOSTILE["root fields"], "more than 50 root fields"),
        (HOSTILE["depth"], "more than 15 levels deep"),
        (HOSTILE["depth by fragments"], "more than 15 levels deep"),
        (HOSTILE["lists in lists"], "nests more than 6 lists"),
        (HOSTILE["deep introspection of types"], "introspects more than 20 levels deep"),
        (HOSTILE["the same field again and again"], "repeats the same fields too often"),
        (HOSTILE["a bomb of introspection"], "more than 5,000 fields"),
        (HOSTILE["directives"], "more than 20 directives in one place"),
        (HOSTILE["variables"], "more than 100 variable definitions in one place"),
        (HOSTILE["members"], "more than 100 fields in one place"),
        (HOSTILE["operations"], "more than 50 operations"),
        (HOSTILE["fragments side by side"], "repeats the same fields too often"),
    ],
)
def test_refusal_names_the_limit(engine: Engine, text: str, named: str) -> None:
    assert named in str(refusal(engine, text, "Run" if "Run" in text else None))


@pytest.mark.parametrize(
    "text",
    [
        "{" + "node {" * 14 + "id" + "}" * 15,
        "{" + "nodes {" * 5 + "id" + "}" * 6,
        "{" + " ".join(f"a{number}: hello" for number in range(50)) + "}",
        chain(11, "node { NEXT }"),
        "{ node { ...A ...A } } fragment A on Node { ...C } fragment C on Node { id }",
    ],
)
def test_what_is_within_the_limits_is_run(engine: Engine, text: str) -> None:
    assert engine.prepare(OperationRequest(text)).kind == "query"


def test_limits_can_be_set() -> None:
    engine = Engine(SCHEMA, limits=Limits(depth=2))
    assert engine.prepare(OperationRequest("{ node { id } }"))
    assert "more than 2 levels deep" in str(refusal(engine, "{ node { node { id } } }"))


def test_doubling_fragments_are_measured_once_each() -> None:
    """The size of 2 to the power of 60 fields is found by measuring 61 fragments, not by counting."""
    document = parse(chain(60, "NEXT NEXT"))
    walk = _Walk(SCHEMA, fragments_of(document))
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    size = walk.selections(operation.selection_set, SCHEMA.query_type, 0)
    assert size.fields == 1 + 2**60
    assert len(walk.measured) == 61


Tree = list[object]  # of "id", a fragment's number, or a subtree below `node`


def trees(fragments: int) -> st.SearchStrategy[Tree]:
    leaves = st.sampled_from(["id", *range(fragments)])
    return st.recursive(
        st.lists(leaves, min_size=1, max_size=3),
        lambda below: st.lists(leaves | below, min_size=1, max_size=3),
    )


def text_of(tree: Tree) -> str:
    return " ".join(word(each) for each in tree)


def word(part: object) -> str:
    if isinstance(part, list):
        return f"node {{ {text_of(part)} }}"
    return f"...f{part}" if isinstance(part, int) else str(part)


def expanded(tree: Tree, fragments: list[Tree]) -> tuple[int, int]:
    """The fields and the depth of a tree, by going through all of it."""
    fields, depth = 0, 0
    for each in tree:
        if each == "id":
            below = (1, 1)
        elif isinstance(each, int):
            below = expanded(fragments[each], fragments)
        else:
            assert isinstance(each, list)
            inner = expanded(each, fragments)
            below = (inner[0] + 1, inner[1] + 1)
        fields, depth = fields + below[0], max(depth, below[1])
    return fields, depth


@settings(deadline=None)
@given(st.data())
def test_measuring_equals_expanding(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 4))
    fragments = [data.draw(trees(number)) for number in range(count)]
    tree = data.draw(trees(count))
    text = f"{{ node {{ {text_of(tree)} }} }}" + "".join(
        f" fragment f{number} on Node {{ {text_of(each)} }}" for number, each in enumerate(fragments)
    )
    document = parse(text)
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    size = _Walk(SCHEMA, fragments_of(document)).selections(operation.selection_set, SCHEMA.query_type, 0)
    fields, depth = expanded(tree, fragments)
    assert (size.fields, size.depth) == (fields + 1, depth + 1)
