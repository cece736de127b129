"""A message that grows, and those who watch it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.kit.refused import Refusal, only_refusal
from tests.kit.serving import PATIENCE_SECONDS, Client, Ended

GROWTH = """
subscription($id: ID!, $from: Int!) {
    messageGrowth(messageId: $id, fromOffset: $from) { offset length text status message { content status } }
}
"""
MESSAGE = "query($id: ID!) { message(id: $id) { content status version } }"
ODD = "\u017dlu\u0165 \U0001f600\U0001f469\u200d\U0001f467 e\u0301 \u202e\u05e9\u202c \u4f60 \U0001f3f4\U000e007f\n"
"""Text whose characters, code points, UTF-16 units and bytes are all of different number."""


async def started(user: Client, **values: Any) -> str:
    """A message that has begun to grow."""
    conversation = (await user.make("createConversation", "conversation"))["id"]
    id: str = (await user.make("startMessage", "message", conversationId=conversation, **values))["id"]
    return id


async def append(user: Client, id: str, offset: int, text: str, selection: str = "length") -> dict[str, Any]:
    """The payload of an append."""
    return await user.mutate("appendMessage", selection, id=id, offset=offset, text=text)


async def appended(user: Client, id: str, *texts: str, offset: int = 0) -> int:
    """Append texts one after the other; how long the message is then."""
    for text in texts:
        payload = await append(user, id, offset, text)
        assert payload == {"length": offset + len(text), "userErrors": []}
        offset += len(text)
    return offset


def refusal_in(payload: dict[str, Any]) -> Refusal:
    return only_refusal(payload)


async def content(user: Client, id: str) -> str:
    text: str = (await user.data(MESSAGE, id=id))["message"]["content"]
    return text


class Watcher:
    """Somebody who watches a message grow."""

    def __init__(self, offset: int = 0) -> None:
        self.start = offset
        self.text = ""
        self.end: dict[str, Any] | None = None
        self._grown = asyncio.Event()

    async def watch(self, client: Client, id: str) -> str:
        """Watch until the end. Each text must follow on the one before."""
        async with client.socket() as socket:
            events = await socket.subscribe(GROWTH, **{"id": id, "from": self.start})
            assert await self._last_word(events) is None, "it completes, after the end"
        assert self.end is not None
        return self.text

    async def _last_word(self, events: AsyncIterator[dict[str, Any]]) -> Any:
        try:
            async for event in events:
                self._take(event["messageGrowth"])
        except Ended as ended:
            return ended.args[0]

    def _take(self, event: dict[str, Any]) -> None:
        assert self.end is None
        assert event["offset"] == self.start + len(self.text)
        self.text += event["text"]
        assert event["length"] == self.start + len(self.text)
        if event["status"] == "STREAMING":
            assert event["text"]
            assert event["message"] is None
        else:
            assert event["text"] == ""
            assert event["message"]["status"] == event["status"]
            self.end = event["message"]
        self._grown.set()
        self._grown = asyncio.Event()

    async def until(self, text: str) -> None:
        """Return once this text has been seen."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while text not in self.text:
                await self._grown.wait()


@asynccontextmanager
async def watching(client: Client, id: str, offset: int = 0) -> AsyncIterator[Watcher]:
    """Somebody who watches in the block, and sees the end before it is left."""
    watcher = Watcher(offset)
    task = asyncio.create_task(watcher.watch(client, id))
    try:
        yield watcher
        async with asyncio.timeout(PATIENCE_SECONDS):
            await task
    finally:
        task.cancel()


async def how_it_ends(client: Client, id: str, offset: int) -> dict[str, Any]:
    """The extensions of the error that a subscription ends with at once."""
    async with client.socket() as socket:
        events = await socket.subscribe(GROWTH, **{"id": id, "from": offset})
        with pytest.raises(Ended) as ended:
            await anext(events)
    (error,) = ended.value.args[0]
    extensions: dict[str, Any] = error["extensions"]
    return extensions
