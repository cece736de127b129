"""A client that follows a subscription through every fault, as clients should: it resumes with its last cursor."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.clients.subscription import LOST, RETRY_SECONDS, Connections
from tests.faults.history import Seen, View
from tests.kit.serving import Client

MESSAGES = """
subscription($conversationId: ID, $after: Cursor) {
  messageAdded(conversationId: $conversationId, after: $after) { cursor message { content } }
}
"""
MOVES = """
subscription($conversationId: ID, $after: Cursor) {
  toolExecutionChanged(conversationId: $conversationId, after: $after) { cursor toStatus toolExecution { toolName } }
}
"""

PADDING = " "
"""What the padding of a message begins with, which is no part of its value."""


def message_of(event: dict[str, Any]) -> str:
    """The value that an event of `MESSAGES` carries."""
    content: str = event["message"]["content"]
    return content.partition(PADDING)[0]


def move_of(event: dict[str, Any]) -> str:
    """The value that an event of `MOVES` carries."""
    return f"{event['toolExecution']['toolName']} {event['toStatus']}"


@dataclass(slots=True, kw_only=True)
class Follower:
    """Follows one feed from a cursor to its end."""

    client: Client
    name: str
    cursor: str
    end: str
    """The value after which it is done. It is committed after all others, so nothing may be missing then."""
    url: Callable[[], str]
    """Where to connect, asked each time."""
    dice: random.Random
    operation: str = MESSAGES
    value_of: Callable[[dict[str, Any]], str] = message_of
    conversation: str | None = None
    hops_after: int = 0
    """After how many events it goes elsewhere, about; 0 for never."""
    connections: Connections = field(default_factory=lambda: Connections(patience_seconds=60))
    reads: asyncio.Event | None = None
    """While this is not set, it leaves in its socket what comes."""
    seen: list[Seen] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return bool(self.seen) and self.seen[-1].value == self.end

    def view(self) -> View:
        """What it saw, with the end, once it is done."""
        return View(self.name, self.seen, self.conversation, self.seen[-1].version)

    async def follow(self) -> None:
        """Return when the end has come."""
        while not self.done:
            try:
                await self._follow_once()
            except LOST:
                await asyncio.sleep(RETRY_SECONDS)

    def take(self, cursor: str, value: str) -> None:
        """Keep an event, and go on behind it."""
        self.cursor = cursor
        self.seen.append(Seen(int(cursor.partition(".")[2]), value, time.time()))

    async def _follow_once(self) -> None:
        left = self.dice.randrange(1, 2 * self.hops_after) if self.hops_after else -1
        variables = {"conversationId": self.conversation, "after": self.cursor}
        async with self.connections.subscribed(self.client, self.url(), self.operation, **variables) as events:
            async for event in events:
                self.take(event["cursor"], self.value_of(event))
                left -= 1
                if left == 0 or self.done:
                    return
                if self.reads is not None:
                    await self.reads.wait()
