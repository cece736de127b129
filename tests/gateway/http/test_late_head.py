"""Connections on which no request comes, or only the beginning of one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
import pytest

from gateway.event_loop import run
from gateway.http.options import Options
from gateway.http.server import OVER_HTTP
from tests.gateway.http.clients.raw_client import (
    GET_HELLO,
    GET_WAIT,
    HELLO,
    WAIT,
    RawClient,
    chunked,
    connected,
    connections_of,
    idle,
    post,
)
from tests.gateway.toy import Served, serving

LIMIT_SECONDS = 0.1

BEGINNING = b"POST /graphql HTTP/1.1\r\nHost: gate"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(head_timeout_seconds=LIMIT_SECONDS) as served:
        yield served


@asynccontextmanager
async def connected_with(served: Served, first: bytes) -> AsyncIterator[RawClient]:
    """A connection on which this has come when it is accepted, so that no limit can run out before."""
    host, port = served.runner.addresses[0]
    with socket.create_connection((host, port)) as line:
        line.sendall(first)
        reader, writer = await asyncio.open_connection(sock=line)
        try:
            yield RawClient(reader, writer)
        finally:
            writer.transport.abort()


async def limit_has_passed(served: Served) -> None:
    """Wait until what began before now is late."""
    async with connected(served) as silent:
        assert await silent.closed()


async def is_refused_as_late(client: RawClient) -> None:
    status, headers, body = await client.answer()
    assert (status, headers["Connection"]) == (408, "close")
    assert orjson.loads(body)["errors"][0]["message"] == "The request headers did not arrive in time."
    assert await client.closed()


async def test_connection_that_says_nothing_is_closed_without_a_word(served: Served) -> None:
    async with connected(served) as client:
        assert await client.closed()


async def test_request_that_only_begins_is_refused_and_counted(served: Served) -> None:
    async with connected_with(served, BEGINNING) as client:
        await is_refused_as_late(client)
    assert served.runner.app[OVER_HTTP].refused == {408: 1}


@pytest.mark.parametrize("answered", [(), (post(),), (GET_HELLO,)])
async def test_what_comes_in_drops_gains_no_time(served: Served, answered: tuple[bytes, ...]) -> None:
    async with connected_with(served, b"".join(answered)) as client:
        for _ in answered:
            await client.data()
        with suppress(ConnectionError):  # who still sends may not get to see the refusal
            async with asyncio.timeout(20):
                # Lines before a request are skipped, so a parser takes them for ever.
                while not served.runner.app[OVER_HTTP].refused[408]:
                    await client.pieces(b"\r\n")
    assert served.runner.app[OVER_HTTP].refused == {408: 1}


@pytest.mark.parametrize("request_", [post(), GET_HELLO, chunked()])
async def test_request_after_another_has_its_limit_too_but_not_the_time_between(
    served: Served, request_: bytes
) -> None:
    async with connected_with(served, request_) as resting, connected_with(served, request_) as late:
        assert await resting.data() == await late.data()
        late.send(BEGINNING)
        await is_refused_as_late(late)
        assert "data" in await resting.ask(request_)


@pytest.mark.parametrize(
    "request_", [post(WAIT), GET_WAIT, chunked(WAIT), post(WAIT, "Connection: close"), post(WAIT)[:-1]]
)
async def test_limit_is_for_the_head_alone(served: Served, request_: bytes) -> None:
    async with connected_with(served, request_) as client:
        await limit_has_passed(served)
        if request_ == post(WAIT)[:-1]:
            client.send(post(WAIT)[-1:])
        served.toy.wake.set()
        assert await client.data() == {"data": {"wait": "woken"}}


async def test_head_behind_a_running_request_is_waited_for_once_that_is_answered(served: Served) -> None:
    async with connected_with(served, post(WAIT)) as client:
        await served.toy.listeners(1)
        await client.pieces(BEGINNING)
        await limit_has_passed(served)
        served.toy.wake.set()
        assert await client.data() == {"data": {"wait": "woken"}}
        await is_refused_as_late(client)


async def test_head_that_came_in_pieces_in_time_leaves_no_limit_behind() -> None:
    limit = Options().head_timeout_seconds
    async with serving() as served, connected(served) as client:
        for request in (post(), GET_HELLO, chunked(), post(HELLO)):
            await client.pieces(request[:20], request[20:])
            await client.data()
            await idle(served)
            (connection,) = connections_of(served)
            assert connection._next_keepalive_close_time > asyncio.get_running_loop().time() + limit
            assert not connection._has_partial_head


def test_first_bytes_may_come_before_anyone_waits_for_them() -> None:
    """As they do on uvloop."""

    async def scenario() -> None:
        async with (
            serving(head_timeout_seconds=LIMIT_SECONDS) as served,
            connected_with(served, BEGINNING) as late,
            connected_with(served, post()) as other,
        ):
            assert "data" in await other.data()
            await is_refused_as_late(late)
            assert "data" in await other.ask(post())

    run(scenario())
