"""Writers that record what became of each write, and send a write again, with the same id, until they know."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.faults.follower import END
from tests.faults.history import Writes
from tests.serving import Client

WRITERS = 8

_ADD = "mutation($input: AddMessageInput!) { addMessage(input: $input) { message { seq } userErrors { message } } }"
_RETRY_SECONDS = 0.02


@dataclass(slots=True)
class Writer:
    """Adds messages to conversations of one user."""

    client: Client
    conversations: list[str]
    name: str = "writer"
    writes: Writes = field(default_factory=Writes)
    codes: set[str] = field(default_factory=set)
    """The codes of the errors that were answered."""
    gives_up: Callable[[], bool] = lambda: False
    """Whether to leave a write whose answer was lost as it is."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, count: int) -> None:
        """Write so many messages, several at a time."""
        share, rest = divmod(count, WRITERS)
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                group.create_task(self._write_all(number, share + (number < rest)))

    async def end(self) -> None:
        """Write the last message of all."""
        await self._make_sure(str(uuid.uuid4()), self.conversations[0], END)

    async def until(self, count: int) -> None:
        """Return when so many writes have been acknowledged."""
        while len(self.writes.acknowledged) < count:
            await self.changed.wait()

    async def _write_all(self, writer: int, count: int) -> None:
        conversation = self.conversations[writer % len(self.conversations)]
        for number in range(count):
            value = f"{self.name} {writer}, message {number}"
            known = await self._make_sure(str(uuid.uuid4()), conversation, value)
            (self.writes.acknowledged if known else self.writes.unknown).add(value)
            self.changed.set()
            self.changed = asyncio.Event()

    async def _make_sure(self, id: str, conversation: str, content: str) -> bool:
        """Send a message until it is acknowledged; false when it was given up."""
        values = {"id": id, "conversationId": conversation, "role": "USER", "content": content}
        while True:
            try:
                answer = await self.client.run(_ADD, input=values)
            except (aiohttp.ClientError, OSError):
                answer = {}
            payload = (answer.get("data") or {}).get("addMessage")
            if payload is not None:
                assert payload["userErrors"] == [], payload
                return True
            self._note(answer.get("errors", ()))
            if self.gives_up():
                return False
            await asyncio.sleep(_RETRY_SECONDS)  # as any client that tries again

    def _note(self, errors: Any) -> None:
        self.codes |= {error["extensions"]["code"] for error in errors}
        assert self.codes <= {"UNAVAILABLE", "OVERLOADED"}, errors
