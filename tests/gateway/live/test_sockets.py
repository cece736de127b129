"""Sockets of a real gateway that watch the same: one run, one statement, and nobody waits for those who do not read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp

from gateway.live.counts import Counts
from tests.kit.serving import Client, Serving, first

WATCH = "subscription($after: Cursor) { messageAdded(after: $after) { cursor message { content } } }"


def counts(serving: Serving) -> Counts:
    return serving.gateway.instruments.live.counts


async def all_live(serving: Serving, count: int) -> None:
    """Return once so many get what their group has run."""
    async with asyncio.timeout(20):
        while counts(serving).live != count:  # noqa: ASYNC110 - nothing tells of it but the count
            await asyncio.sleep(0)


async def say(user: Client, conversation: str, content: str) -> None:
    await user.make("addMessage", "message", conversationId=conversation, role="USER", content=content)


def content_of(event: dict[str, Any]) -> str:
    content: str = event["messageAdded"]["message"]["content"]
    return content


async def test_many_sockets_cost_one_run_and_one_statement(serving: Serving, user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(user.socket()) for _ in range(20)]
        streams = [await each.subscribe(WATCH) for each in sockets]
        await all_live(serving, 20)
        before = counts(serving).executions
        serving.statements.texts.clear()
        await say(user, conversation, "for all")
        for stream in streams:
            assert [content_of(event) for event in await first(stream, 1)] == ["for all"]
        assert counts(serving).executions - before == 1
        assert len(serving.statements.texts) == 2, "the message, and the event's reading of it"


async def test_users_watch_their_own_side_by_side(serving: Serving, user: Client, stranger: Client) -> None:
    async with user.socket() as one, stranger.socket() as other:
        streams = [await one.subscribe(WATCH), await other.subscribe(WATCH)]
        await all_live(serving, 2)
        for number, writer in enumerate((user, stranger)):
            conversation = (await writer.make("createConversation", "conversation"))["id"]
            await say(writer, conversation, f"of {number}")
        for number, stream in enumerate(streams):
            assert [content_of(event) for event in await first(stream, 1)] == [f"of {number}"]


async def test_those_who_do_not_read_slow_nobody_down_and_get_everything_later(serving: Serving, user: Client) -> None:
    conversation, count, large = (await user.make("createConversation", "conversation"))["id"], 30, "x" * 250_000
    async with AsyncExitStack() as stack:
        stalled = [await stack.enter_async_context(small_window(user)) for _ in range(3)]
        reading = await stack.enter_async_context(user.socket())
        late = [await each.subscribe(WATCH) for each in stalled]
        stream = await reading.subscribe(WATCH)
        await all_live(serving, 4)
        drops = counts(serving).drops
        expected = [f"{number} {large}" for number in range(count)]
        for each in expected:
            await say(user, conversation, each)
            assert [content_of(event) for event in await first(stream, 1)] == [each]
        assert counts(serving).drops - drops == 3
        for stream in late:
            assert [content_of(event) for event in await first(stream, count)] == expected


@asynccontextmanager
async def small_window(user: Client) -> AsyncIterator[Any]:
    """A socket whose system takes little that is not read."""

    def small(_address: object) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        return made

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=small), read_bufsize=1024) as http,
        replace(user, http=http).socket() as made,
    ):
        yield made


async def test_sockets_that_vanish_leave_nothing(serving: Serving, user: Client) -> None:
    async with aiohttp.ClientSession() as http:
        vanishing = replace(user, http=http)
        async with AsyncExitStack() as stack:
            for _ in range(5):
                made = await stack.enter_async_context(vanishing.socket())
                await made.subscribe(WATCH)
            await all_live(serving, 5)
            connector = http.connector
            assert connector is not None
            for held in list(connector._acquired):
                assert held.transport is not None
                held.transport.abort()
            await all_live(serving, 0)
    assert await serving.gateway.sockets.all_closed(within_seconds=20)
    assert counts(serving).groups == len(serving.gateway.resources.hub) == 0


async def test_socket_is_told_from_where_nothing_is_missed(serving: Serving, user: Client) -> None:
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    async with user.socket() as made:
        payload = {"query": WATCH, "extensions": {"ready": True}}
        await made.connection.send_json({"type": "subscribe", "id": "1", "payload": payload})
        assert await made.connection.receive_json(timeout=20) == {
            "id": "1",
            "type": "next",
            "payload": {"data": None, "extensions": {"ready": {"cursor": cursor}}},
        }
