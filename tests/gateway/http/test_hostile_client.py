"""What a client can do to its connection: flood it, not read from it, or send what is no request as it should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.http.plain.connection import MAX_EARLY_BYTES, Connection
from tests.gateway.http.clients.raw_client import (
    HELLO,
    WAIT,
    connected,
    connections_of,
    idle,
    post,
    turns,
    warm,
)
from tests.gateway.toy import Served, serving

HELLO_DATA = {"data": {"hello": "Hello, world!"}}
WAIT_DATA = {"data": {"wait": "woken"}}
LARGE = b'{"query":"{ text(kilobytes: 16384) }"}'
GET_LARGE = b"GET /graphql?query={text(kilobytes:16384)} HTTP/1.1\r\nHost: gateway\r\n\r\n"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def is_paused(served: Served) -> Connection:
    """A connection whose client does not read, once no more can be written to it."""
    async with asyncio.timeout(10):
        while not (paused := [each for each in connections_of(served) if each.writing_paused]):
            await turns(1)
    return paused[0]


async def test_flood_behind_a_running_request_is_not_read(served: Served) -> None:
    async with connected(served) as client:
        client.send(post(WAIT))
        await served.toy.listeners(1)
        (connection,) = connections_of(served)
        large = post(HELLO + b" " * MAX_EARLY_BYTES)
        sending = asyncio.ensure_future(client.pieces(large * 100))
        async with asyncio.timeout(10):
            while connection.transport is not None and connection.transport.is_reading():
                await turns(1)
        assert len(connection._early) < 10 * MAX_EARLY_BYTES
        served.toy.wake.set()
        assert await client.data() == WAIT_DATA
        for _ in range(100):
            assert await client.data() == HELLO_DATA
        await sending


async def test_client_that_does_not_read_is_not_served_further(served: Served) -> None:
    async with connected(served, limit=1024) as slow, connected(served) as other:
        slow.send(post(LARGE))
        await is_paused(served)
        opened = served.toy.opened
        await slow.pieces(post(HELLO), post(HELLO))
        assert await other.ask(post(HELLO)) == HELLO_DATA
        assert served.toy.opened == opened + 1
        assert len((await slow.data())["data"]["text"]) == 16384 * 1024
        assert [await slow.data() for _ in range(2)] == [HELLO_DATA] * 2


async def test_client_that_never_reads_can_be_got_rid_of() -> None:
    async with serving(shutdown_seconds=0.05) as served, connected(served, limit=1024) as slow:
        slow.send(post(LARGE))
        await is_paused(served)
        async with asyncio.timeout(10):
            await served.runner.cleanup()
        assert served.toy.opened == served.toy.closed


@pytest.mark.parametrize(
    "request_",
    [
        post().replace(b"\r\nHost", b"\nHost"),
        post().replace(b"\r\n\r\n", b"\n\n"),
        post().replace(b"\r\n\r\n", b"\n\r\n"),
        post(HELLO, "Transfer-Encoding: chunked"),
        post(HELLO, "Content-Length: 5"),
        post(HELLO, "Content-Type: application/json"),
        post(HELLO, "Host: other"),
        post(HELLO, "Bad Name: x"),
        post(HELLO, " folded"),
        post().replace(b"Content-Length: 21", b"Content-Length: +21"),
        post().replace(b"Content-Length: 21", b"Content-Length: 2_1"),
        post().replace(b"Host: gateway\r\n", b""),
    ],
)
async def test_malformed_request_is_refused_and_its_connection_closed(served: Served, request_: bytes) -> None:
    async with connected(served) as client:
        await warm(client, served, post())
        for _ in range(2):
            async with connected(served) as other:
                other.send(request_)
                assert (await other.answer())[0] == 400
                assert await other.closed()
        assert await client.ask(post()) == HELLO_DATA


async def test_second_request_cannot_be_smuggled_into_the_body_of_a_remembered_head(served: Served) -> None:
    hidden = post(b'{"query":"mutation { write(text: \\"smuggled\\") }"}')
    async with connected(served) as client:
        for _ in range(3):
            answer = await client.ask(post(hidden))
            assert "not valid JSON" in answer["errors"][0]["message"]
            await idle(served)
        assert await client.ask(post()) == HELLO_DATA
    assert served.toy.written == []


async def test_body_that_does_not_come_leaves_the_others_alone() -> None:
    async with serving(body_timeout_seconds=0.05) as served, connected(served) as client:
        await warm(client, served, post())
        client.send(post()[:-1])
        assert (await client.answer())[0] == 408


@pytest.mark.parametrize("request_", [post(LARGE), GET_LARGE])
async def test_client_that_never_reads_its_answer_is_let_go(request_: bytes) -> None:
    async with serving(send_timeout_seconds=0.05) as served, connected(served, limit=1024) as client:
        client.send(request_)
        await is_paused(served)
        async with asyncio.timeout(10):
            while connections_of(served):
                await turns(1)
        assert served.toy.opened == served.toy.closed


@pytest.mark.parametrize("request_", [post(LARGE), GET_LARGE])
async def test_client_that_reads_slowly_gets_its_answer(served: Served, request_: bytes) -> None:
    async with connected(served, limit=1024) as client:
        client.send(request_)
        connection = await is_paused(served)
        answer, sizes = b"", [0]
        while connection.writing_paused and connection.transport is not None:
            left = connection.transport.get_write_buffer_size()
            if left != sizes[-1]:
                connection._cancel_check()
                connection._check(sizes[-1])
                sizes.append(left)
            answer += await client.reader.read(2**20)
        assert len(sizes) > 3
        while not answer.endswith(b'"}}'):
            answer += await client.reader.read(2**20)
        assert len(answer) > 16384 * 1024
        assert await client.ask(post()) == HELLO_DATA
