"""The operations of one socket, each in its own task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.errors import BadRequest, Overloaded
from gateway.execution.complete import failed
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import RequestErrors
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.edge import Edge
from gateway.http.request.operation import operation_request
from gateway.http.seats.admission import NoRoom, Seat
from gateway.http.socket import message as say
from gateway.http.socket.outbox import Outbox, SocketSink


@dataclass(slots=True)
class SocketOperations:
    """Starts, answers and stops operations by the client's ids."""

    edge: Edge
    outbox: Outbox
    client: Client
    seat: Seat
    identity: Callable[[], Identity | None]
    start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    """Creates a task that the session owns."""
    most_subscriptions: int
    most_answers: int
    """Limit on concurrent queries and mutations."""
    _by_id: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _subscriptions: set[asyncio.Task[None]] = field(default_factory=set)
    _answers: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def is_busy(self) -> bool:
        """Whether a query or a mutation is running, or its answer is being sent."""
        return bool(self._answers)

    async def subscribe(self, operation_id: str, payload: dict[str, Any]) -> None:
        """Start an operation, or send the error that refuses it."""
        if operation_id in self._by_id:
            raise SocketClosedError(CloseCode.DUPLICATE_SUBSCRIBER, f"Subscriber for {operation_id} already exists")
        try:
            operation = self.edge.engine.prepare(operation_request(payload))
            running = self._room_for(operation)
        except (BadRequest, RequestErrors, Overloaded) as error:
            return await self.outbox.send(say.answered(operation_id, failed(error)))
        task = self._by_id[operation_id] = self.start(self._operate(operation_id, operation))
        # Counted until its last message is sent, so that answers for a client that does not read cannot pile up.
        running.add(task)
        task.add_done_callback(lambda ended: self._forget(operation_id, ended, running))
        return None

    async def stop(self, operation_id: str) -> None:
        """Cancel an operation and wait until it has ended."""
        if (task := self._by_id.pop(operation_id, None)) is not None:
            task.cancel()
            await asyncio.wait([task])

    def _forget(self, operation_id: str, task: asyncio.Task[None], running: set[asyncio.Task[None]]) -> None:
        running.discard(task)
        # Otherwise a cancelled task would keep its unsent message alive. The id may already belong to a new operation.
        if self._by_id.get(operation_id) is task:
            del self._by_id[operation_id]

    def _room_for(self, operation: Operation) -> set[asyncio.Task[None]]:
        """The running tasks that share the operation's limit. Raises `Overloaded` if the limit is reached.

        Subscriptions have a limit of their own, so a client with the most subscriptions can still query and write.
        """
        if operation.kind == "subscription":
            running, most, what = self._subscriptions, self.most_subscriptions, "subscriptions"
        else:
            running, most, what = self._answers, self.most_answers, "queries and mutations"
        if len(running) >= most:
            raise Overloaded(f"At most {most} {what} can run at the same time on one socket.")
        return running

    async def _operate(self, operation_id: str, operation: Operation) -> None:
        try:
            last = await self._answer(operation_id, operation)
        except NoRoom as error:
            last = say.answered(operation_id, failed(error))
        # Free the id before the client learns that the operation has ended.
        self._by_id.pop(operation_id, None)
        await self.outbox.send(last)

    async def _answer(self, operation_id: str, operation: Operation) -> bytes:
        """Send the answers of the operation, and return its final message."""
        if operation.kind == "subscription":
            return await self._stream(operation_id, operation)
        answer = await self.edge.answer(operation, self.identity(), self.client)
        if not answer.has_data:
            return say.answered(operation_id, answer)
        await self.outbox.send(say.answered(operation_id, answer))
        return say.completed(operation_id)

    async def _stream(self, operation_id: str, operation: Operation) -> bytes:
        with self.seat.subscription():
            sink = SocketSink(self.outbox, say.next_prefix(operation_id))
            last = await self.edge.live.serve(operation, self.identity, self.client, sink)
        return say.completed(operation_id) if last is None else say.answered(operation_id, last)
