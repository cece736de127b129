"""Large operations share the event loop: by pieces of bounded size, and between callers in turn."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema

from gateway.execution import PIECE_BYTES, Engine
from gateway.execution.breadth_first import PART
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import OperationRequest
from gateway.execution.prepare.response_size import OBJECT_BYTES
from gateway.execution.run.run import LONG_BYTES
from gateway.fairness.turns import Turns

SDL = "type Query { items(count: Int!): [Item!]! small: Int } type Item { name: String! }"

MANY = LONG_BYTES // OBJECT_BYTES
"""So many objects make an operation a long one, whatever their fields are called."""


class Counted(Turns):
    """Turns that are noted down."""

    def __init__(self) -> None:
        super().__init__(stretch_seconds=0)
        self.given: list[Hashable] = []

    async def next(self, caller: Hashable) -> None:
        self.given.append(caller)
        await super().next(caller)


def schema() -> GraphQLSchema:
    made = build_schema(SDL)
    assert made.query_type is not None
    name = "n" * 100
    made.query_type.fields["items"].resolve = lambda _root, _info, count: [{"name": name}] * count
    made.query_type.fields["small"].resolve = lambda *_: 1
    return made


@pytest.fixture
def engine() -> Engine:
    made = Engine(schema())
    made._turns = Counted()
    return made


def items(engine: Engine, count: int) -> Operation:
    return engine.prepare(OperationRequest(f"{{ items(count: {count}) {{ name }} small }}"))


def given(engine: Engine) -> int:
    assert isinstance(engine._turns, Counted)
    return len(engine._turns.given)


async def test_one_piece_runs_in_a_round_of_the_event_loop_and_callers_take_turns() -> None:
    turns, ran = Turns(stretch_seconds=0), []

    async def work(caller: str, name: str) -> None:
        for _ in range(2):
            await turns.next(caller)
            ran.append(name)

    async def rounds() -> None:
        while len(ran) < 8:
            ran.append("|")
            await asyncio.sleep(0)

    heavy = [asyncio.create_task(work("heavy", f"h{n}")) for n in range(3)]
    other = asyncio.create_task(work("other", "o"))
    await asyncio.gather(*heavy, other)
    assert ran[:4] == ["h0", "o", "h1", "o"]
    ran.clear()
    await asyncio.gather(work("a", "a"), work("b", "b"), rounds())
    pieces = "".join(ran).split("|")
    assert max(map(len, pieces)) == 1, "two pieces in one round"


async def test_pieces_that_fit_into_the_stretch_of_a_round_run_at_once() -> None:
    turns, ran = Turns(stretch_seconds=60), []

    async def work(name: str) -> None:
        for _ in range(3):
            await turns.next("caller")
            ran.append(name)

    await asyncio.gather(work("a"), work("b"))
    assert ran == ["a"] * 3 + ["b"] * 3


async def test_a_turn_that_nobody_waits_for_any_more_is_not_given() -> None:
    turns = Turns(stretch_seconds=0)
    first, second = [asyncio.create_task(turns.next(caller)) for caller in ("a", "b")]
    await asyncio.sleep(0)
    first.cancel()
    await second
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not turns._is_granting


async def test_a_large_operation_works_in_bounded_pieces(engine: Engine) -> None:
    count = 10 * MANY
    answer = await engine.run(items(engine, count), None)
    await engine.write(answer, None)
    assert len(answer.data["items"]) == count
    by_objects, by_bytes = count / PART, count * 100 / PIECE_BYTES
    assert given(engine) >= by_objects + by_bytes - 1


async def test_a_small_operation_never_waits_for_a_turn(engine: Engine) -> None:
    await engine.run(items(engine, PART), None)
    assert given(engine) == 0


async def test_small_operations_end_while_a_large_one_runs(engine: Engine) -> None:
    ended: list[str] = []

    async def run(name: str, operation: Operation) -> Any:
        answer = await engine.run(operation, None)
        ended.append(name)
        return answer

    large = asyncio.create_task(run("large", items(engine, 10 * MANY)))
    for _ in range(3):
        await asyncio.sleep(0)
    assert given(engine)
    for n in range(5):
        await run(f"small {n}", items(engine, 1))
    await large
    assert ended[-1] == "large"


async def test_what_is_written_by_pieces_is_written_as_any_other(engine: Engine) -> None:
    answer = await engine.run(items(engine, MANY), None)
    await engine.write(answer, None)
    expect = b'{"data":{"items":[' + b",".join([b'{"name":"%b"}' % (b"n" * 100)] * MANY) + b'],"small":1}}'
    assert answer.bytes() == expect
