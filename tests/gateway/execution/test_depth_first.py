"""Running operations with graphql-core: contexts, cancellation and what is left behind."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import pytest

from gateway.auth.client import Client
from gateway.execution import Engine
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import OperationRequest
from tests.gateway.execution.subscribing import subscribe
from tests.gateway.toy import Toy, ToyContext

NOBODY = Client(None, None)


def prepared(engine: Engine, query: str) -> Operation:
    return engine.prepare(OperationRequest(query))


async def test_mutations_run_one_after_the_other(engine: Engine) -> None:
    toy = Toy()
    operation = prepared(engine, 'mutation { a: write(text: "1") b: write(text: "2") c: write(text: "3") }')
    answer = await engine.run(operation, ToyContext(1, None, toy))
    assert answer.data == {"a": "1", "b": "2", "c": "3"}
    assert toy.written == ["1", "2", "3"]


async def test_cancelled_operation_stops_its_resolvers(engine: Engine) -> None:
    toy = Toy()
    operation = prepared(engine, "{ a: wait b: wait node { slow } }")
    running = asyncio.ensure_future(engine.run(operation, ToyContext(1, None, toy)))
    await toy.listeners(3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert toy.listening == 0


async def test_resolvers_beside_a_failure_have_ended_with_the_operation(engine: Engine) -> None:
    """`broken` fails at once where null is not allowed, while `slow` waits for what never comes."""
    toy = Toy()
    async with asyncio.timeout(5):
        answer = await engine.run(prepared(engine, "{ node { slow broken } }"), ToyContext(1, None, toy))
    assert answer.data == {"node": None}
    assert toy.listening == 0


async def subscribed(engine: Engine, toy: Toy, query: str) -> list[Any]:
    operation = prepared(engine, query)

    def contexts() -> AbstractAsyncContextManager[ToyContext]:
        return toy.open(None, operation, NOBODY)

    async with aclosing(subscribe(engine, operation, contexts)) as answers:
        return [answer async for answer in answers]


async def test_source_has_one_context_and_each_event_a_fresh_one(engine: Engine) -> None:
    toy = Toy()
    answers = await subscribed(engine, toy, "subscription { contexts(times: 3) }")
    assert [answer.data for answer in answers] == [{"contexts": number} for number in (2, 3, 4)]
    assert toy.opened == toy.closed == 4


@pytest.mark.parametrize(
    ("field", "events", "code"),
    [("refused", 0, "UNAUTHENTICATED"), ("resync", 1, "RESYNC"), ("failing", 1, "INTERNAL")],
)
async def test_source_that_fails_says_why_last(engine: Engine, field: str, events: int, code: str) -> None:
    toy = Toy()
    *before, last = await subscribed(engine, toy, f"subscription {{ {field} }}")
    assert len(before) == events
    assert not last.has_data
    assert last.code == code
    assert toy.opened == toy.closed


async def test_no_room_for_a_context_ends_the_subscription(engine: Engine) -> None:
    toy = Toy(busy=True)
    (last,) = await subscribed(engine, toy, "subscription { silence }")
    assert last.code == "OVERLOADED"


async def test_subscription_that_is_closed_runs_the_finally_of_its_source(engine: Engine) -> None:
    toy = Toy()
    operation = prepared(engine, "subscription { silence }")
    async with aclosing(subscribe(engine, operation, lambda: toy.open(None, operation, NOBODY))) as answers:
        assert (await anext(answers)).data == {"silence": 0}
        assert toy.listening == 1
    assert toy.listening == 0
    assert toy.opened == toy.closed


async def test_subscription_that_is_cancelled_runs_the_finally_of_its_source(engine: Engine) -> None:
    toy = Toy()
    running = asyncio.ensure_future(subscribed(engine, toy, "subscription { silence }"))
    await toy.listeners(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert toy.listening == 0
    assert toy.opened == toy.closed
