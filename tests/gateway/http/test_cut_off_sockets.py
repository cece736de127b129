"""The operations of one socket, when it is lost."""

from __future__ import annotations

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.http.socket.operations import SocketOperations

pytestmark = pytest.mark.asyncio


class Answer:
    """What an operation is about to send."""


async def test_operation_that_is_cut_off_leaves_nothing_to_the_garbage_collector() -> None:
    held: list[weakref.ref[Answer]] = []
    tasks: list[asyncio.Task[None]] = []

    async def serve(*arguments: object) -> None:
        answer = Answer()
        held.append(weakref.ref(answer))
        await asyncio.Event().wait()
        del answer

    def start(coroutine: Any) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(coroutine))
        return tasks[-1]

    operations = _operations(serve, start)
    await operations.subscribe("1", {"query": "subscription { x }"})
    await asyncio.sleep(0)
    assert held[0]() is not None
    gc.disable()
    try:
        tasks[0].cancel()
        await asyncio.wait(tasks)
        await asyncio.sleep(0)
        tasks.clear()
        del operations
        assert held[0]() is None
    finally:
        gc.enable()


def _operations(serve: Any, start: Any) -> SocketOperations:
    """The operations of a socket that serves subscriptions in this way."""

    class Seat:
        def subscription(self) -> Any:
            return _Counted()

    engine = SimpleNamespace(prepare=lambda request: SimpleNamespace(kind="subscription"))
    edge = SimpleNamespace(engine=engine, live=SimpleNamespace(serve=serve))
    nothing = cast("Any", None)
    return SocketOperations(
        edge=cast("Any", edge),
        outbox=nothing,
        client=nothing,
        seat=cast("Any", Seat()),
        identity=lambda: None,
        start=start,
        most_subscriptions=1,
        most_answers=1,
    )


class _Counted:
    def __enter__(self) -> None:
        """There is room."""

    def __exit__(self, *error: object) -> None:
        """It has ended."""
