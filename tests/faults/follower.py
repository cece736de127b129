"""A client that follows a subscription through every fault, as clients should: it resumes with its last cursor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import aiohttp

from tests.faults.history import Seen
from tests.serving import PATIENCE_SECONDS, Client

MESSAGES = "subscription($after: Cursor) { messageAdded(after: $after) { cursor message { content } } }"
TOOLS = (
    "subscription($after: Cursor) "
    "{ toolExecutionChanged(after: $after) { cursor toStatus toolExecution { toolName } } }"
)

END = "the end"
"""The value after which a follower is done. It is committed after all others, so nothing may be missing then."""

_RETRY_SECONDS = 0.02


def message_of(event: dict[str, Any]) -> str:
    """The value that an event of `MESSAGES` carries."""
    content: str = event["messageAdded"]["message"]["content"]
    return content


def move_of(event: dict[str, Any]) -> str:
    """The value that an event of `TOOLS` carries."""
    name: str = event["toolExecutionChanged"]["toolExecution"]["toolName"]
    return name if name == END else f"{name} {event['toolExecutionChanged']['toStatus']}"


class _Broken(Exception):
    """The subscription broke off, and may be resumed."""


@dataclass(slots=True)
class Follower:
    """Follows one feed from a cursor to its end."""

    client: Client
    operation: str
    value_of: Callable[[dict[str, Any]], str]
    cursor: str
    url: Callable[[], str]
    """Where to connect, asked each time."""
    hop_after: Callable[[], int] = lambda: -1
    """How many events to take before going elsewhere, asked at each connection."""
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    reasons: set[str] = field(default_factory=set)
    """The codes of the errors that subscriptions ended with."""
    spoilt: int = 0
    """How many events came with errors in place of their content."""
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self) -> None:
        """Return when the end has come."""
        while not (self.seen and self.seen[-1].value == END):
            try:
                await self._follow_once()
            except (_Broken, aiohttp.ClientError, OSError):
                await asyncio.sleep(_RETRY_SECONDS)  # as any client that comes back
        self.seen.pop()

    async def until(self, count: int) -> None:
        """Return when so many events have been seen."""
        while len(self.seen) < count:
            await self.moved.wait()

    async def _follow_once(self) -> None:
        left = self.hop_after()
        async with self._subscribed() as events:
            async for event in events:
                (found,) = event.values()
                self.cursor = found["cursor"]
                self.seen.append(Seen(int(self.cursor.partition(".")[2]), self.value_of(event)))
                self.moved.set()
                self.moved = asyncio.Event()
                left -= 1
                if left == 0 or self.seen[-1].value == END:
                    return

    @asynccontextmanager
    async def _subscribed(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        self.connections += 1
        connecting = self.client.http.ws_connect(f"{self.url()}/graphql", protocols=["graphql-transport-ws"])
        async with connecting as socket:
            await socket.send_json({"type": "connection_init", "payload": self.client.headers})
            payload = {"query": self.operation, "variables": {"after": self.cursor}}
            await socket.send_json({"type": "subscribe", "id": "1", "payload": payload})
            yield self._events(socket)

    async def _events(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[dict[str, Any]]:
        while True:
            message = await socket.receive(timeout=PATIENCE_SECONDS * 3)
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise _Broken
            match message.json():
                case {"type": "next", "payload": {"errors": errors}}:
                    self.spoilt += 1
                    self._broke(errors)
                case {"type": "error", "payload": errors}:
                    self._broke(errors)
                case {"type": "next", "payload": {"data": data}}:
                    yield data

    def _broke(self, errors: list[dict[str, Any]]) -> NoReturn:
        self.reasons |= {error["extensions"]["code"] for error in errors}
        assert not self.reasons & {"INTERNAL", "RESYNC"}, errors
        raise _Broken
