"""The outer edge: how many operations of one user may run at a time."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import build_schema

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.execution import Engine
from gateway.execution.contexts import Opened
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import OperationRequest
from gateway.http.edge import Edge
from gateway.live.live import Live


class Nothing:
    """A context that holds nothing."""

    async def release(self) -> None: ...


class Contexts:
    """Gives each operation a context of its own."""

    def open(self, identity: Identity | None, operation: Operation, client: Client) -> Opened:
        return Nothing()


class Gate:
    """An edge whose one field waits until it is let through."""

    def __init__(self, most: int) -> None:
        self.through = asyncio.Event()
        schema = build_schema("type Query { wait: Int }")
        assert schema.query_type is not None

        async def wait(*_: Any) -> int:
            await self.through.wait()
            return 1

        schema.query_type.fields["wait"].resolve = wait
        engine = Engine(schema)
        self.edge = Edge(engine, Contexts(), Live(engine, Contexts()), most)
        self._operation = engine.prepare(OperationRequest("{ wait }"))

    def ask(self, identity: Identity | None) -> asyncio.Task[Any]:
        return asyncio.create_task(self.edge.answer(self._operation, identity, Client(None, None)))


@pytest.fixture
async def gate() -> Gate:
    return Gate(2)


def someone() -> Identity:
    return Identity(uuid.uuid4(), uuid.uuid4(), "user", frozenset(), datetime.now(UTC), "token")


async def test_who_has_too_many_operations_running_is_told_to_try_again(gate: Gate) -> None:
    heavy, other = someone(), someone()
    asked = [gate.ask(heavy) for _ in range(4)]
    beside = [gate.ask(other), gate.ask(None), gate.ask(None), gate.ask(None)]
    refused = [await task for task in asked[2:]]
    assert [answer.errors[0]["extensions"] for answer in refused] == [{"code": "OVERLOADED", "retryAfter": 1}] * 2
    assert not any(task.done() for task in (*asked[:2], *beside)), "nobody else is refused"
    gate.through.set()
    assert {(await task).data["wait"] for task in (*asked[:2], *beside)} == {1}


async def test_an_operation_that_has_ended_makes_room_however_it_ended(gate: Gate) -> None:
    heavy = someone()
    for _ in range(3):
        first, second = gate.ask(heavy), gate.ask(heavy)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        assert first.cancelled()
        third = gate.ask(heavy)
        await asyncio.sleep(0)
        gate.through.set()
        assert (await second).data == (await third).data == {"wait": 1}
        gate.through.clear()
    assert not any(each.count for each in gate.edge._running.values())
