"""The short way: who goes it, and that nothing is asked twice by who has to leave it."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from graphql import GraphQLSchema

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest
from gateway.execution.run.plan import Plan
from tests.gateway.execution.both import check
from tests.kit.schema import graphql_schema


def plan_of(schema: GraphQLSchema, text: str) -> Plan:
    plan = Engine(schema).prepare(OperationRequest(text)).plan
    assert isinstance(plan, Plan)
    return plan


@pytest.mark.parametrize(
    "operation",
    [
        '{ conversation(id: "1") { id title __typename } }',
        '{ conversation(id: "1") { title messages(first: 2) { nodes { id role } pageInfo { endCursor } } } }',
        '{ conversation(id: "1") { title messages { edges { cursor node { content } } } } }',
        '{ conversation(id: "1") { title lastMessage { content createdAt } } }',
        "{ viewer { usageDays { nodes { day costUsd } } } }",
        '{ node(id: "1") { __typename id ... on Message { content } } }',
        'mutation { addMessage(input: { conversationId: "1", role: USER, content: "Hi" }) {'
        " message { id metadata: providerMetadata } userErrors { code field message } } }",
    ],
)
def test_one_field_with_at_most_one_link_below_goes_the_short_way(operation: str) -> None:
    (phase,) = plan_of(graphql_schema(), operation).phases
    assert phase.straight is not None


@pytest.mark.parametrize(
    "operation",
    [
        '{ viewer { id } conversation(id: "1") { title } }',
        '{ conversation(id: "1") { title messages { nodes { id } totalCount } } }',
        '{ conversation(id: "1") { title messages { nodes { toolExecutions { nodes { id } } } } } }',
        '{ conversation(id: "1") { messages { nodes { id } } contextOptimizations { nodes { id } } } }',
        '{ nodes(ids: ["1"]) { id } }',
    ],
)
def test_anything_else_goes_level_by_level(operation: str) -> None:
    (phase,) = plan_of(graphql_schema(), operation).phases
    assert phase.straight is None


@strawberry.type
class Thing:
    name: str
    tags: list[str]


@strawberry.type
class Outcome:
    thing: Thing | None
    words: list[str]


class Strange:
    """Passes for an `Outcome`, and is none."""

    thing = Thing(name="strange", tags=["one"])
    words = ("a", "tuple")


OUTCOMES: dict[str, Any] = {
    "whole": Outcome(thing=Thing(name="plain", tags=["one", "two"]), words=[]),
    "without": Outcome(thing=None, words=["none"]),
    "null": None,
    "another": Strange(),
    "unnamed": Outcome(thing=Thing(name=None, tags=[]), words=[]),  # type: ignore[arg-type]
    "unworded": Outcome(thing=None, words=None),  # type: ignore[arg-type]
    "failed": Outcome(thing=ValueError("no thing"), words=[]),  # type: ignore[arg-type]
    "returned": ValueError("returned"),
    "raised": ValueError("raised"),
}
TEXT = "{ done: act { thing { name tags } words } }"


@pytest.mark.parametrize("kind", ["query", "mutation"])
@pytest.mark.parametrize(
    ("outcome", "expect", "errors"),
    [
        ("whole", {"thing": {"name": "plain", "tags": ["one", "two"]}, "words": []}, []),
        ("without", {"thing": None, "words": ["none"]}, []),
        ("null", None, []),
        ("another", {"thing": {"name": "strange", "tags": ["one"]}, "words": ["a", "tuple"]}, []),
        (
            "unnamed",
            {"thing": None, "words": []},
            [("done.thing.name", "Cannot return null for non-nullable field Thing.name.")],
        ),
        ("unworded", None, [("done.words", "Cannot return null for non-nullable field Outcome.words.")]),
        ("failed", {"thing": None, "words": []}, [("done.thing", "no thing")]),
        ("returned", None, [("done", "returned")]),
        ("raised", None, [("done", "raised")]),
    ],
)
async def test_a_resolver_is_called_once_whatever_comes_of_it(
    kind: str, outcome: str, expect: Any, errors: list[tuple[str, str]]
) -> None:
    calls = 0

    async def act() -> Outcome | None:
        nonlocal calls
        calls += 1
        if outcome == "raised":
            raise OUTCOMES[outcome]
        return OUTCOMES[outcome]  # type: ignore[no-any-return]

    query, mutation = (
        strawberry.type(type(name, (), {"act": strawberry.field(resolver=act)})) for name in ("Query", "Mutation")
    )
    schema = strawberry.Schema(query, mutation)._schema
    assert plan_of(schema, kind + TEXT).phases[0].straight is not None
    await check(schema, kind + TEXT, {"done": expect}, errors)
    assert calls == 2, "by each of the two executors"
