"""How many objects an operation may ask for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, OperationDefinitionNode, SelectionSetNode, parse
from graphql import validate as find_errors
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.execution import Engine
from gateway.execution.prepare.cost import Cost, plan_cost
from gateway.execution.prepare.document import fragments_of
from gateway.execution.prepare.limits import Limits
from gateway.execution.prepare.request import OperationRequest, RequestErrors
from tests.gateway.execution.refusal import refusal
from tests.kit.schema import graphql_schema

SCHEMA = graphql_schema()
WIDE = (
    "{ viewer { conversations(first: 50) { nodes { messages(first: 20)"
    " { nodes { toolExecutions { nodes { id } } } } } } } }"
)


def cost_of(text: str, objects: int = 500_000) -> Cost:
    document = parse(text)
    assert not find_errors(SCHEMA, document)
    (definition,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return plan_cost(SCHEMA, definition, fragments_of(document), Limits(objects=objects))


def conversations(inside: str) -> str:
    return f"{{ viewer {{ conversations{inside} }} }}"


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("{ viewer { id } }", 1),
        ("{ __schema { types { fields { name } } } viewer { id __typename } }", 1),
        ('{ __type(name: "Query") { fields { name } } }', 0),
        (conversations("{ nodes { id } }"), 1 + 50),
        (conversations("{ totalCount pageInfo { hasNextPage } }"), 1),
        (conversations("(first: 3) { edges { cursor node { id } } }"), 1 + 3),
        (conversations("(last: 3) { nodes { lastMessage { id } } }"), 1 + 3 + 3),
        (conversations("(first: null) { nodes { id } }"), 1 + 50),
        (conversations("(first: 0) { nodes { id } }"), 1),
        (conversations("(first: -7) { nodes { id } }"), 1),
        (conversations("(first: 1000000000) { nodes { id } }"), 1 + 200),
        (conversations("(first: 3, last: 7) { nodes { id } }"), 1 + 7),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 3),
        ('{ nodes(ids: "a") { id } }', 1),
        ('{ toolExecution(id: "a") { transitions { id } } }', 1 + 10),
        ('{ node(id: "a") { ... on Message { parent { id } } ... on ToolExecution { message { id } } } }', 3),
        ("{ viewer { ...A ...A } } fragment A on User { conversations(first: 2) { nodes { id } } }", 1 + 2 + 2),
        (WIDE, 1 + 50 + 50 * 20 + 50 * 20 * 50),
        ("subscription { messageAdded { message { id } } }", 2),
        ("{ changes { nodes { id } } }", 200),
        ("{ changes(first: null) { edges { cursor node { id } } } }", 200),
        ("{ changes(first: 5000) { nodes { node { ... on Conversation { lastMessage { id } } } } } }", 1000 * 3),
        ("{ changes(first: 3) { pageInfo { endCursor } } }", 0),
        ("subscription { changes { node { ... on Conversation { lastMessage { id } } } } }", 3),
    ],
)
def test_objects_are_counted(text: str, objects: int) -> None:
    cost = cost_of(text)
    assert (cost.sum.constant, cost.sum.varying) == (objects, ())


def test_pages_of_two_hundred_three_deep_are_refused() -> None:
    pages = "(first: 200) { nodes { messages(last: 200) { nodes { toolExecutions(first: 200) { nodes { id } } } } } }"
    with pytest.raises(RequestErrors) as refused:
        cost_of(conversations(pages))
    assert refused.value.code == "GRAPHQL_VALIDATION_FAILED"
    assert str(refused.value) == (
        "The operation requests up to 8,040,201 objects; the limit is 500,000. Most of them are conversations (200) x "
        "messages (200) x toolExecutions (200): ask for smaller pages with `first` or `last`."
    )
    assert refused.value.errors[0].locations


SIZED = """
    query ($first: Int, $last: Int = 30, $ids: [ID!] = []) {
        viewer { conversations(first: $first) { ...Rows } }
        nodes(ids: $ids) { id }
    }
    fragment Rows on ConversationConnection { nodes { messages(last: $last) { nodes { id } } } }
"""


@pytest.mark.parametrize(
    ("variables", "objects"),
    [
        ({"last": 30, "ids": []}, 1 + 50 + 50 * 30),
        ({"last": None, "first": None, "ids": None}, 1 + 50 + 50 * 50),
        ({"first": 2, "last": 3, "ids": ["a"]}, 1 + 2 + 2 * 3 + 1),
        ({"first": 2000, "last": -1, "ids": []}, 1 + 200),
    ],
)
def test_sizes_in_variables_are_filled_in(variables: dict[str, Any], objects: int) -> None:
    text = SIZED.replace("[ID!] = []", "[ID!]! = []")
    cost = cost_of(text)
    assert cost.sum.varying
    assert cost.count(variables) == objects
    cost.check(variables)
    with pytest.raises(RequestErrors, match=f"up to {objects:,} objects"):
        cost_of(text, objects=objects - 1).check(variables)


def test_ids_may_be_many_but_not_what_is_below_them() -> None:
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Conversation { messages(first: 200) { nodes { id } } } } }"
    cost = cost_of(text)
    cost.check({"ids": ["a"] * 2_000})
    with pytest.raises(RequestErrors, match=r"nodes \(3000\) x messages \(200\)"):
        cost.check({"ids": ["a"] * 3_000})


def test_doubling_fragments_are_counted_once_each() -> None:
    """What is spread a million times is counted in as many steps as there are fragments, also with variables."""
    names = range(20)
    text = "query ($n: Int) { viewer { ...F0 } } " + " ".join(
        f"fragment F{n} on User {{ ...F{n + 1} ... {{ ...F{n + 1} }} }}" for n in names
    )
    text += " fragment F20 on User { conversations(first: $n) { nodes { id } } }"
    document = parse(text)
    (definition,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    cost = plan_cost(SCHEMA, definition, fragments_of(document), Limits())
    assert cost.count({"n": 1}) == 1 + 2**20


PAGED = {
    "User": {"conversations": "Conversation"},
    "Conversation": {"messages": "Message", "toolExecutions": "ToolExecution"},
    "Message": {"replies": "Message", "toolExecutions": "ToolExecution"},
    "ToolExecution": {},
}
SINGLE = {
    "User": {},
    "Conversation": {"lastMessage": "Message"},
    "Message": {"parent": "Message", "conversation": "Conversation"},
    "ToolExecution": {"message": "Message"},
}


@st.composite
def selections(draw: st.DrawFn, of: str, depth: int) -> str:
    parts = ["id"]
    for number in range(draw(st.integers(0, 2)) if depth else 0):
        choices = [*PAGED[of], *SINGLE[of]]
        if not choices:
            break
        name = draw(st.sampled_from(choices))
        if name in SINGLE[of]:
            parts.append(f"a{number}: {name} {{ {draw(selections(SINGLE[of][name], depth - 1))} }}")
            continue
        size = draw(st.sampled_from(["", "(first: 3)", "(last: 2)", "(first: $n)", "(last: $m)"]))
        inside = draw(selections(PAGED[of][name], depth - 1))
        rows = draw(st.sampled_from([f"nodes {{ {inside} }}", f"edges {{ node {{ {inside} }} }}"]))
        parts.append(f"a{number}: {name}{size} {{ {rows} pageInfo {{ hasNextPage }} }}")
    if depth and draw(st.booleans()):
        parts.append(f"... on {of} {{ {draw(selections(of, depth - 1))} }}")
    if of != "User" and draw(st.booleans()):
        parts.append(f"...F{of}")
    return " ".join(parts)


def by_hand(node: SelectionSetNode, document: dict[str, SelectionSetNode], pages: dict[str, int]) -> int:
    """The objects of a selection, by going through all of it."""
    total = 0
    for each in node.selections:
        if isinstance(each, FragmentSpreadNode):
            total += by_hand(document[each.name.value], document, pages)
        elif isinstance(each, InlineFragmentNode):
            total += by_hand(each.selection_set, document, pages)
        elif isinstance(each, FieldNode) and each.selection_set:
            below = by_hand(each.selection_set, document, pages)
            name = each.name.value
            if any(name in fields for fields in PAGED.values()):
                sizes = [getattr(argument.value, "value", None) for argument in each.arguments or ()]
                names = [
                    argument.value.name.value for argument in each.arguments or () if hasattr(argument.value, "name")
                ]
                size = pages[names[0]] if names else int(sizes[0] or 0) if sizes else 50
                total += size * below
            else:
                total += below + (name not in ("edges", "pageInfo"))
    return total


@settings(deadline=None)
@given(st.data(), st.integers(0, 200), st.integers(0, 200))
def test_counting_equals_going_through_it_all(data: st.DataObject, n: int, m: int) -> None:
    bodies = {of: re.sub(r"\.\.\.F\w+", "", data.draw(selections(of, 1))) for of in PAGED}
    fragments = " ".join(f"fragment F{of} on {of} {{ {body} }}" for of, body in bodies.items())
    text = f"query ($n: Int, $m: Int) {{ viewer {{ {data.draw(selections('User', 3))} }} }} {fragments}"
    document = parse(text)
    (definition,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    known = fragments_of(document)
    cost = plan_cost(SCHEMA, definition, known, Limits(objects=10**12))
    expected = by_hand(
        definition.selection_set, {name: each.selection_set for name, each in known.items()}, {"n": n, "m": m}
    )
    assert cost.count({"n": n, "m": m}) == expected


def test_engine_holds_each_request_to_the_limit() -> None:
    engine = Engine(SCHEMA, limits=Limits(objects=100))
    query = "query ($n: Int) { viewer { conversations(first: $n) { nodes { id } } } }"
    assert engine.prepare(OperationRequest(query, variables={"n": 99}))
    assert "up to 101 objects" in str(refusal(engine, query, n=100))
    assert "up to 51 objects" in str(refusal(Engine(SCHEMA, limits=Limits(objects=50)), query))
