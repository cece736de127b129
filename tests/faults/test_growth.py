"""An answer is streamed while database and gateway are killed: what was acknowledged is there, once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tests.faults.chance import dice, scaled
from tests.faults.servers.process import GatewayProcess, gateway_in, signed_up
from tests.kit.database import data_directory
from tests.kit.serving import Client, Ended, Socket

GROWTH = """
subscription($id: ID!, $from: Int!) {
    messageGrowth(messageId: $id, fromOffset: $from) { offset text status message { content } }
}
"""
APPEND = """
mutation($input: AppendMessageInput!) { appendMessage(input: $input) { length userErrors { code message } } }
"""
RETRY_SECONDS = 0.02


@dataclass(slots=True)
class Agent:
    """Appends one text after the other, each until it is acknowledged."""

    client: Client
    id: str
    offset: int = 0
    repeats: int = 0
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, texts: list[str]) -> None:
        for text in texts:
            self.offset = await self._append(text)
            self.grown.set()
            self.grown = asyncio.Event()

    async def until(self, offset: int) -> None:
        """Return once so much has been acknowledged."""
        while self.offset < offset:
            await self.grown.wait()

    async def _append(self, text: str) -> int:
        while True:
            try:
                answer = await self.client.run(APPEND, input={"id": self.id, "offset": self.offset, "text": text})
            except (aiohttp.ClientError, OSError):
                answer = {"errors": []}
            if "errors" not in answer:
                payload: dict[str, Any] = answer["data"]["appendMessage"]
                assert payload == {"length": self.offset + len(text), "userErrors": []}
                return self.offset + len(text)
            self.repeats += 1
            await asyncio.sleep(RETRY_SECONDS)  # as any client that sends it again


@dataclass(slots=True)
class Watcher:
    """Watches a message grow, and comes back to the offset that it has reached."""

    client: Client
    id: str
    text: str = ""
    content: str | None = None
    connections: int = 0

    async def watch(self) -> None:
        while self.content is None:
            self.connections += 1
            try:
                async with self.client.socket() as socket:
                    await self._take(socket)
            except (aiohttp.ClientError, OSError, Ended, TypeError, AssertionError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _take(self, socket: Socket) -> None:
        async for event in await socket.subscribe(GROWTH, **{"id": self.id, "from": len(self.text)}):
            growth = event["messageGrowth"]
            # Not asserted: it must not be taken for a connection that broke.
            self.text += growth["text"] if growth["offset"] == len(self.text) else f" [not at {growth['offset']}] "
            if growth["status"] != "STREAMING":
                self.content = growth["message"]["content"]


async def kill_database(gateway: GatewayProcess) -> None:
    await asyncio.to_thread(gateway.kill_server)


async def kill_gateway(gateway: GatewayProcess) -> None:
    await gateway.kill()
    await gateway.start()


@pytest.mark.parametrize("kill", [kill_database, kill_gateway])
async def test_what_was_acknowledged_survives_kills_in_mid_stream(
    kill: Callable[[GatewayProcess], Awaitable[None]],
) -> None:
    chance, kills = dice(f"growth {kill.__name__}"), scaled(2)
    texts = [f"{number:x}" + "é" * chance.randrange(1, 60) for number in range(scaled(200))]
    whole = "".join(texts)
    with data_directory() as directory:
        async with gateway_in(directory) as gateway, aiohttp.ClientSession() as http:
            user = await signed_up(http, gateway)
            conversation = (await user.make("createConversation", "conversation"))["id"]
            id = (await user.make("startMessage", "message", conversationId=conversation))["id"]
            agent, watchers = Agent(user, id), [Watcher(user, id) for _ in range(3)]
            async with asyncio.timeout(90), asyncio.TaskGroup() as group:
                for watcher in watchers:
                    group.create_task(watcher.watch())
                writing = group.create_task(agent.write(texts))
                for number in range(1, kills + 1):
                    await agent.until(len(whole) * number // (kills + 2) + chance.randrange(200))
                    await kill(gateway)
                await writing
                ended = await user.make("finishMessage", "message", "content", id=id)
    assert ended["content"] == whole
    assert [(watcher.text, watcher.content) for watcher in watchers] == [(whole, whole)] * 3
    assert agent.repeats > 0, "nothing was killed in the middle of anything"
