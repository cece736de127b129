"""Two real gateways: what one of them writes, a subscriber of the other hears through NATS, or in time without it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.faults.servers.process import GatewayProcess, signed_up
from tests.kit.database import data_directory
from tests.kit.network.nats_server import nats_server
from tests.kit.serving import Client, Statements

ADDED = "subscription($after: Cursor) { messageAdded(after: $after) { message { content } } }"


@asynccontextmanager
async def two_gateways(**settings: str) -> AsyncIterator[tuple[Client, Client]]:
    """One user at each of two gateways on one database."""
    with data_directory() as directory:
        one, two = GatewayProcess(directory, settings=settings), GatewayProcess(directory, settings=settings)
        async with both_running(one, two) as clients:
            yield clients


@asynccontextmanager
async def both_running(one: GatewayProcess, two: GatewayProcess) -> AsyncIterator[tuple[Client, Client]]:
    async with aiohttp.ClientSession() as http:
        try:
            await one.start()
            await two.start()
            here = await signed_up(http, one)
            yield here, Client(http, two.url, Statements(), here.token)
        finally:
            if two.runs:
                await two.kill()
            await one.close()


Write = Callable[[str], Awaitable[Any]]


async def writer(client: Client) -> Write:
    """Adds messages to a new conversation."""
    conversation = await client.make("createConversation", "conversation")

    async def write(content: str) -> None:
        await client.make("addMessage", "message", conversationId=conversation["id"], role="USER", content=content)

    return write


async def heard(events: AsyncIterator[dict[str, Any]]) -> str:
    """The content of the message that the next event tells of."""
    content: str = (await anext(events))["messageAdded"]["message"]["content"]
    return content


async def test_what_one_gateway_writes_the_other_hears_through_nats_also_after_that_was_killed() -> None:
    async with (
        nats_server() as server,
        two_gateways(PARLEY_BROKER_URL=server.url, PARLEY_FEED_POLL_SECONDS="60") as (here, there),
        there.socket() as socket,
    ):
        write = await writer(here)
        cursor = (await here.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        events = await socket.subscribe(ADDED, after=cursor)
        for content in ("one", "two", "three"):
            await write(content)
            assert await heard(events) == content
        await server.kill()
        await write("while it is dead")
        await server.start()
        assert await heard(events) == "while it is dead"
        await write("once it is back")
        assert await heard(events) == "once it is back"


@pytest.mark.parametrize("url", ["process:", "nats://127.0.0.1:1"])
async def test_without_any_broker_the_other_hears_by_the_clock(url: str) -> None:
    async with two_gateways(PARLEY_BROKER_URL=url) as (here, there), there.socket() as socket:
        write = await writer(here)
        cursor = (await here.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        events = await socket.subscribe(ADDED, after=cursor)
        for content in ("one", "two", "three"):
            await write(content)
            assert await heard(events) == content
