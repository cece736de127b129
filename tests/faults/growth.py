"""Messages that grow while something goes wrong: whoever watches has the text whole, and each part of it once."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.faults.clients.attempt import Attempts
from tests.faults.clients.subscription import LOST, RETRY_SECONDS, Connections
from tests.faults.play import Stage
from tests.kit.serving import Client

_PAYLOAD = "{ userErrors { message } }"
START = f"mutation($input: StartMessageInput!) {{ startMessage(input: $input) {_PAYLOAD} }}"
APPEND = f"mutation($input: AppendMessageInput!) {{ appendMessage(input: $input) {_PAYLOAD} }}"
FINISH = f"mutation($input: FinishMessageInput!) {{ finishMessage(input: $input) {_PAYLOAD} }}"
WATCH = """
subscription($messageId: ID!, $fromOffset: Int!) {
  messageGrowth(messageId: $messageId, fromOffset: $fromOffset) { offset text status message { content } }
}
"""

_WATCHERS = 3
_PIECES = 40
_WORDS = ("und ", "so ", "weiter, ", "naïveté ", "数えて ", "🙂🙃 ", "line\n", "a much longer word than the others: ")


@dataclass(slots=True)
class Watcher:
    """Watches one message to its end, from wherever it has got to."""

    client: Client
    message: str
    url: Callable[[], str]
    connections: Connections
    text: str = ""
    problems: list[str] = field(default_factory=list)

    async def watch(self) -> None:
        """Return when the message has ended."""
        while True:
            try:
                if await self._watch_once():
                    return
            except LOST:
                pass
            await asyncio.sleep(RETRY_SECONDS)

    async def _watch_once(self) -> bool:
        variables = {"messageId": self.message, "fromOffset": len(self.text)}
        async with self.connections.subscribed(self.client, self.url(), WATCH, **variables) as events:
            async for event in events:
                if event["offset"] != len(self.text):
                    self.problems.append(f"{self.message}: {event['offset']} where {len(self.text)} should be")
                self.text += event["text"]
                if event["status"] != "STREAMING":
                    if event["message"]["content"] != self.text:
                        self.problems.append(f"{self.message}: the text in pieces is not the text")
                    return True
        return False


@dataclass(slots=True)
class Author:
    """Writes one growing message after the other, each with its watchers."""

    client: Client
    conversation: str
    url: Callable[[], str]
    dice: random.Random
    patience_seconds: float
    attempts: Attempts = field(default_factory=Attempts)
    texts: dict[str, str] = field(default_factory=dict)
    """What was written, by the message's id."""
    watchers: list[Watcher] = field(default_factory=list)

    async def write(self, enough: asyncio.Event) -> None:
        """Write until there is enough, and until everybody has seen it all."""
        async with asyncio.TaskGroup() as watching:
            while not enough.is_set():
                await self._tell(watching)

    async def _tell(self, watching: asyncio.TaskGroup) -> None:
        id = str(uuid.UUID(int=self.dice.getrandbits(128), version=4))
        await self._make_sure(START, id=id, conversationId=self.conversation)
        joins = [self.dice.randrange(_PIECES) for _ in range(_WATCHERS)]
        text = ""
        for piece in range(_PIECES):
            for _ in range(joins.count(piece)):
                watcher = Watcher(self.client, id, self.url, Connections(self.patience_seconds))
                self.watchers.append(watcher)
                watching.create_task(watcher.watch())
            added = "".join(self.dice.choices(_WORDS, k=self.dice.randrange(1, 8)))
            await self._make_sure(APPEND, id=id, offset=len(text), text=added)
            text += added
        await self._make_sure(FINISH, id=id)
        self.texts[id] = text

    async def _make_sure(self, operation: str, **values: Any) -> None:
        while (payload := await self.attempts.make(self.client, self.url(), operation, values)) is None:  # noqa: ASYNC110 - as any client
            await asyncio.sleep(RETRY_SECONDS)
        assert payload["userErrors"] == [], (payload, values)

    def problems(self) -> list[str]:
        """What was seen otherwise than it was written."""
        found = [problem for watcher in self.watchers for problem in watcher.problems]
        return found + [
            f"{watcher.message}: not the text that was written"
            for watcher in self.watchers
            if watcher.text != self.texts[watcher.message]
        ]


@asynccontextmanager
async def growing(stage: Stage, authors: list[Author]) -> AsyncIterator[None]:
    """Messages grow for as long as the block runs, and then come to their ends."""
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as writing:
        for author in authors:
            writing.create_task(author.write(enough))
        try:
            yield
        finally:
            enough.set()
            await stage.heal()


async def author_at(stage: Stage, own: random.Random, patience_seconds: float) -> Author:
    """A new user who writes growing messages."""
    user = await stage.signed_up()
    conversation = (await user.make("createConversation", "conversation"))["id"]
    return Author(user, conversation, lambda: stage.any_url(own), own, patience_seconds)
