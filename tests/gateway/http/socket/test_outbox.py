"""Messages that go straight to the transport are what any client reads; those who wait do not depend on each other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from tests.gateway.http.clients.socket_client import PROTOCOL, SocketClient, connected
from tests.gateway.toy import ALICE, PHONE, Served, serving

HELLO = "query ($name: String) { hello(name: $name) }"
FLOOD = "subscription { flood }"


@pytest.mark.parametrize("size", [125, 126, 127, 65535, 65536, 65537, 2**19])
async def test_message_of_any_size_is_read(size: int) -> None:
    async with serving() as served, connected(served) as client:
        served.tokens.add("known", ALICE, PHONE, datetime.now(UTC) + timedelta(hours=1))
        await client.init({"accessToken": "known"})
        await client.subscribe(HELLO, variables={"name": ""})
        empty = len(await text_of(client))
        await text_of(client)  # it is complete
        for character in ("x", "é"):
            name = character * ((size - empty) // len(character.encode()))
            await client.subscribe(HELLO, variables={"name": name})
            assert name in (found := await text_of(client))
            assert size - len(found.encode()) < len(character.encode())
            await text_of(client)


async def text_of(client: SocketClient) -> str:
    frame = await client.socket.receive(timeout=5)
    assert frame.type is aiohttp.WSMsgType.TEXT
    return str(frame.data)


async def test_one_who_stops_waiting_for_room_leaves_the_others_waiting() -> None:
    """Two subscriptions of one socket wait for a client that does not read; one of them is stopped."""
    async with serving(send_timeout_seconds=60) as served, small_window(served) as client:
        await client.init()
        await client.subscribe(FLOOD, id="stopped")
        await client.subscribe(FLOOD, id="kept")
        await served.toy.listeners(2)
        await until_it_is_full(served)
        await client.complete("stopped")
        await served.toy.listeners(1)
        heard = [(await client.heard())["id"] for _ in range(200)]
        assert set(heard[100:]) == {"kept"}


async def until_it_is_full(served: Served) -> None:
    """Return once nothing more is run for the client."""
    opened = -1
    while served.toy.opened != opened:
        opened = served.toy.opened
        for _ in range(1000):
            await asyncio.sleep(0)


@asynccontextmanager
async def small_window(served: Served) -> AsyncIterator[SocketClient]:
    """A client whose system takes little that is not read."""

    def small(_address: object) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        return made

    connector = aiohttp.TCPConnector(socket_factory=small)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(served.url, protocols=(PROTOCOL,)) as connection,
    ):
        yield SocketClient(connection)


async def test_sockets_of_one_user_that_are_not_read_share_what_may_be_unread() -> None:
    """One message each, larger than what the network takes: the last socket is closed, and is told why."""
    async with serving(send_timeout_seconds=60) as served:
        served.tokens.add("known", ALICE, PHONE, datetime.now(UTC) + timedelta(hours=1))
        served.engine.unread.most = 12 * 1024**2
        async with AsyncExitStack() as stack:
            for _ in range(4):
                client = await stack.enter_async_context(small_window(served))
                await client.init({"accessToken": "known"})
                await client.subscribe(LARGE)
            async with asyncio.timeout(10):
                while len(served.sockets) == 4:  # noqa: ASYNC110 - nothing tells of it but the count
                    await asyncio.sleep(0)
            assert sum(served.engine.unread.taken.values()) <= served.engine.unread.most
        async with asyncio.timeout(10):
            while served.engine.unread.taken:  # noqa: ASYNC110 - nothing tells of it but the count
                await asyncio.sleep(0)


LARGE = "{ text(kilobytes: 8192) }"
