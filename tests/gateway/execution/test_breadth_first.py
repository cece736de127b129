"""What the engine does besides answering as graphql-core does: the parity tests hold it to that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from graphql import GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema, build_schema

from gateway.auth.client import Client
from gateway.errors import TimedOut
from gateway.execution import Engine
from gateway.execution.breadth_first import PART, answers
from gateway.execution.budget import unbounded
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import OperationRequest
from gateway.execution.prepare.response_size import OBJECT_BYTES
from gateway.execution.run.field import Field, Inline
from gateway.execution.run.plan import Selection
from gateway.execution.run.run import LARGE_BYTES, Run
from gateway.execution.subscribe import MOST_TOGETHER, Together
from tests.gateway.execution.subscribing import subscribe
from tests.gateway.toy import Toy, ToyContext, toy_schema

NOBODY = Client(None, None)


def prepared(engine: Engine, text: str, **variables: Any) -> Operation:
    return engine.prepare(OperationRequest(text, variables=variables))


@pytest.mark.parametrize("kind", ["query", "mutation"])
async def test_an_operation_that_takes_too_long_is_ended_with_what_it_waits_for(kind: str) -> None:
    engine, toy = Engine(_slow(toy_schema()), deadline_seconds=0.01), Toy()
    with pytest.raises(TimedOut, match=r"0\.01 seconds") as ended:
        await engine.run(prepared(engine, f"{kind} {{ wait }}"), ToyContext(1, None, toy))
    assert toy.listening == 0
    assert ("outcome" in ended.value.extensions) is (kind == "mutation")


def _slow(schema: GraphQLSchema) -> GraphQLSchema:
    """The toy schema with a mutation that waits."""
    assert schema.mutation_type is not None
    assert schema.query_type is not None
    schema.mutation_type.fields["wait"] = schema.query_type.fields["wait"]
    return schema


async def test_a_field_that_times_out_by_itself_is_an_error_of_that_field() -> None:
    schema = build_schema("type Query { slow: String fast: String }")
    assert schema.query_type is not None

    async def slow(*_: Any) -> str:
        raise TimeoutError

    schema.query_type.fields["slow"].resolve = slow
    schema.query_type.fields["fast"].resolve = lambda *_: "here"
    engine = Engine(schema, deadline_seconds=60)
    answer = await engine.run(prepared(engine, "{ slow fast }"), None)
    assert answer.data == {"slow": None, "fast": "here"}


async def test_many_resolvers_of_a_level_are_awaited_a_hundred_at_a_time() -> None:
    schema = build_schema("type Query { items: [Item!]! } type Item { slow: Int! }")
    running, most = 0, 0

    async def slow(number: int, _info: GraphQLResolveInfo[None]) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number

    _resolve(schema, "Query", "items", lambda *_: list(range(250)))
    _resolve(schema, "Item", "slow", slow)
    engine = Engine(schema)
    answer = await engine.run(prepared(engine, "{ items { slow } }"), None)
    assert answer.data == {"items": [{"slow": number} for number in range(250)]}
    assert most == 100


def _resolve(schema: GraphQLSchema, of: str, field: str, resolve: Any) -> None:
    schema.get_type(of).fields[field].resolve = resolve  # type: ignore[union-attr]


async def test_events_that_wait_together_are_run_together() -> None:
    schema = build_schema(
        "type Query { none: Int } type Subscription { event: Event! } type Event { number: Int! run: Int! }"
    )
    count = MOST_TOGETHER + 5

    async def source(*_: Any) -> AsyncIterator[Any]:
        yield Together({"number": number} for number in range(count))
        yield {"number": count}

    assert schema.subscription_type is not None
    schema.subscription_type.fields["event"].subscribe = source
    _resolve(schema, "Subscription", "event", lambda event, *_: event)
    _resolve(schema, "Event", "run", lambda _event, info: info.context)
    engine, opened = Engine(schema), 0

    @asynccontextmanager
    async def context() -> AsyncIterator[int]:
        nonlocal opened
        opened += 1
        yield opened

    operation = prepared(engine, "subscription { event { number run } }")
    async with aclosing(subscribe(engine, operation, context)) as answers:
        events = [answer.data["event"] async for answer in answers]
    assert [event["number"] for event in events] == list(range(count + 1))
    # The first context is the source's own.
    assert [event["run"] for event in events] == [2] * MOST_TOGETHER + [3] * 5 + [4]


async def test_an_event_that_fails_among_others_spoils_only_itself() -> None:
    schema = build_schema("type Query { none: Int } type Subscription { event: Int! }")

    async def source(*_: Any) -> AsyncIterator[Any]:
        yield Together([1, None, 3])

    assert schema.subscription_type is not None
    schema.subscription_type.fields["event"].subscribe = source
    _resolve(schema, "Subscription", "event", lambda event, *_: event)
    engine = Engine(schema)

    @asynccontextmanager
    async def context() -> AsyncIterator[None]:
        yield None

    async with aclosing(subscribe(engine, prepared(engine, "subscription { event }"), context)) as answers:
        found = [(answer.data, len(answer.errors)) async for answer in answers]
    assert found == [({"event": 1}, 0), (None, 1), ({"event": 3}, 0)]


async def test_a_condition_chooses_a_plan_of_its_own_and_a_null_one_is_left_to_graphql_core() -> None:
    engine = Engine(toy_schema())
    text = "query($yes: Boolean = true) { hello @include(if: $yes) double(of: 2) }"
    for given, data in (({}, {"hello": "Hello, world!", "double": 4}), ({"yes": False}, {"double": 4})):
        operation = prepared(engine, text, **given)
        assert engine.fallback(operation) is None
        assert (await engine.run(operation, ToyContext(1, None, Toy()))).data == data
    assert engine.fallback(prepared(engine, text, yes=None)) == "a condition is null"


async def test_which_way_operations_ran_is_counted_with_the_reason() -> None:
    engine, context = Engine(toy_schema()), ToyContext(1, None, Toy())
    for text in ("{ hello }", "{ hello }", "{ __schema { description } }"):
        await engine.run(prepared(engine, text), context)
    assert engine.ways == {("query", "breadth_first"): 2, ("query", "it asks for __schema"): 1}


async def test_what_fails_in_the_middle_of_many_objects_is_null_by_itself() -> None:
    """They are built in parts, and what they were made of is let go of part by part."""
    schema = build_schema("type Query { items: [Item!]! } type Item { inverse: Int }")
    of = schema.get_type("Item")
    assert isinstance(of, GraphQLObjectType)
    selection = Selection(of)
    field = Field("inverse", "inverse", [], of, of.fields["inverse"], ("inverse",))
    selection.add("inverse", Inline(lambda: "-6 // r"), field)
    operation = prepared(Engine(schema), "{ items { inverse } }")
    run = Run(schema, operation.document, operation.variables, None, None, None, unbounded())
    numbers = [*range(1, LARGE_BYTES // OBJECT_BYTES), 0, *range(1, PART)]
    top = run.open(selection, numbers)
    assert run.budget.objects > LARGE_BYTES
    results = await answers(run, top)
    assert [result.data for result in results] == [{"inverse": -6 // number if number else None} for number in numbers]
    assert [len(result.errors or ()) for result in results] == [int(not number) for number in numbers]
