"""The short way of plain requests: that it is taken, and that nothing else about a connection is different."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from aiohttp import web

from gateway.http.plain.connection import Connection
from tests.gateway.http.clients.raw_client import (
    GET_HELLO,
    GET_WAIT,
    HEALTH,
    HELLO,
    WAIT,
    chunked,
    connected,
    connections_of,
    idle,
    post,
    server_of,
    turns,
    warm,
)
from tests.gateway.toy import ALICE, PHONE, Served, serving

APP = "https://app.example"
HELLO_DATA = {"data": {"hello": "Hello, world!"}}
WAIT_DATA = {"data": {"wait": "woken"}}
ALIVE = {"status": "alive", "service": "parley"}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def never(_request: web.BaseRequest) -> web.StreamResponse:
    raise AssertionError("This request was not to come here.")


async def test_plain_request_is_answered_past_aiohttp(served: Served) -> None:
    server_of(served).request_handler = never
    async with connected(served) as client:
        await turns(20)
        await idle(served)
        for number in range(5):
            # A head of its own, so that it is parsed; after it the same again, which is not.
            for _ in range(2):
                assert await client.ask(post(HELLO, f"X-Trace: {number}")) == HELLO_DATA
                await idle(served)


async def test_remembered_head_is_not_parsed_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(served) as first, connected(served) as second:
        await warm(first, served, post())
        monkeypatch.setattr(Connection, "_parse", lambda *_: pytest.fail("This was not to be parsed."))
        other = HELLO.replace(b"hello", b"hullo")
        for client in (first, second):
            assert await client.ask(post()) == HELLO_DATA
            assert "hullo" in (await client.ask(post(other)))["errors"][0]["message"]


async def test_plain_request_may_come_in_pieces(served: Served) -> None:
    async with connected(served) as client:
        request = post()
        for cut in (1, len(request) // 2, len(request) - len(HELLO), len(request) - 1):
            await client.pieces(request[:cut], request[cut:])
            assert await client.data() == HELLO_DATA
            assert await client.ask(request) == HELLO_DATA


async def test_request_may_come_byte_by_byte(served: Served) -> None:
    async with connected(served) as client:
        await client.pieces(*(bytes([byte]) for byte in post()))
        assert await client.data() == HELLO_DATA


async def test_body_of_a_remembered_head_may_come_in_pieces(served: Served) -> None:
    async with connected(served) as client:
        await warm(client, served, post())
        request = post()
        for cut in (len(request) - len(HELLO), len(request) - 3):
            await client.pieces(request[:cut], request[cut:])
            assert await client.data() == HELLO_DATA
        await client.pieces(request + request[:20], request[20:])
        assert [await client.data() for _ in range(2)] == [HELLO_DATA] * 2


@pytest.mark.parametrize("known", [False, True])
async def test_pipelined_requests_are_answered_in_order(served: Served, known: bool) -> None:
    requests = (GET_HELLO, post(WAIT), post(HELLO), HEALTH, post(WAIT), GET_WAIT, post(HELLO))
    expected = [HELLO_DATA, WAIT_DATA, HELLO_DATA, ALIVE, WAIT_DATA, WAIT_DATA, HELLO_DATA]
    async with connected(served) as client:
        if known:
            served.toy.wake.set()
            await warm(client, served, post(WAIT), post(HELLO))
            served.toy.wake.clear()
        client.send(*requests)
        await served.toy.listeners(1)
        served.toy.wake.set()
        assert [await client.data() for _ in requests] == expected


@pytest.mark.parametrize("first", [post(WAIT), GET_WAIT, chunked(WAIT)])
@pytest.mark.parametrize("apart", [False, True])
async def test_nothing_overtakes_a_running_request(served: Served, first: bytes, apart: bool) -> None:
    later = (post(HELLO), HEALTH, post(HELLO), GET_HELLO, post(HELLO))
    async with connected(served) as client:
        await warm(client, served, post(HELLO))
        opened = served.toy.opened
        client.send(first)
        if apart:
            await served.toy.listeners(1)
        await client.pieces(*later)
        await served.toy.listeners(1)
        await turns(50)
        assert served.toy.opened == opened + 1
        served.toy.wake.set()
        assert await client.data() == WAIT_DATA
        assert [await client.data() for _ in later] == [HELLO_DATA, ALIVE, HELLO_DATA, HELLO_DATA, HELLO_DATA]


async def test_remembered_request_does_not_overtake_one_that_is_about_to_be_served(served: Served) -> None:
    """Between taking a request off the queue and serving it, aiohttp looks as if it had nothing to do."""
    double = b'{"query":"{ double(of: 2) }"}'
    async with connected(served) as client:
        await warm(client, served, post(double))
        (connection,) = connections_of(served)
        for count in range(6):
            await idle(served)
            connection.data_received(GET_HELLO)
            await turns(count)
            connection.data_received(post(double))
            assert [await client.data() for _ in range(2)] == [HELLO_DATA, {"data": {"double": 4}}]


async def test_client_that_has_gone_cancels_what_it_asked(served: Served) -> None:
    async with connected(served) as client:
        served.toy.wake.set()
        await warm(client, served, post(WAIT))
        served.toy.wake.clear()
    for request in (post(WAIT), post(WAIT, "X-New: 1"), chunked(WAIT)):
        async with connected(served) as client:
            client.send(request)
            await served.toy.listeners(1)
        await served.toy.listeners(0)
    assert served.toy.opened == served.toy.closed == 4


async def test_client_that_has_gone_at_once_leaves_nothing_behind(served: Served) -> None:
    async with connected(served) as client:
        await warm(client, served, post(HELLO))
    for turn in range(8):
        async with connected(served) as client:
            client.send(post(HELLO))
            await turns(turn)
    async with asyncio.timeout(5):
        while connections_of(served):
            await turns(1)
    assert served.toy.opened == served.toy.closed


async def test_stop_waits_for_what_a_lost_client_asked() -> None:
    async with serving() as served:
        async with connected(served) as client:
            client.send(post(WAIT))
            await served.toy.listeners(1)
        await served.runner.cleanup()
        assert served.toy.listening == 0
        assert served.toy.opened == served.toy.closed


@pytest.mark.parametrize("request_", [post(WAIT), chunked(WAIT)])
async def test_stop_does_not_wait_for_ever(request_: bytes) -> None:
    async with serving(shutdown_seconds=0.05) as served, connected(served) as client:
        client.send(request_)
        await served.toy.listeners(1)
        await served.runner.cleanup()
        await served.toy.listeners(0)
        assert served.toy.opened == served.toy.closed
        assert await client.closed()


async def test_stop_answers_what_runs_and_closes() -> None:
    async with serving() as served, connected(served) as busy, connected(served) as resting:
        await warm(resting, served, post(HELLO))
        busy.send(post(WAIT))
        await served.toy.listeners(1)
        stopping = asyncio.ensure_future(served.runner.cleanup())
        served.toy.wake.set()
        assert await busy.data() == WAIT_DATA
        assert await busy.closed()
        assert await resting.closed()
        await stopping


async def test_connection_is_kept_or_closed_as_the_client_wants(served: Served) -> None:
    for _ in range(2):
        async with connected(served) as client:
            for request in (post(), post(HELLO, "Connection: keep-alive")):
                client.send(request)
                assert "Connection" not in (await client.answer())[1]
            client.send(post(HELLO, "Connection: close"))
            assert (await client.answer())[1]["Connection"] == "close"
            assert await client.closed()


async def test_http_1_0_is_closed_after_the_answer(served: Served) -> None:
    async with connected(served) as client:
        assert await client.ask(post().replace(b"HTTP/1.1", b"HTTP/1.0")) == HELLO_DATA
        assert await client.closed()


async def test_connection_that_rests_too_long_is_closed_but_not_one_that_works() -> None:
    async with serving(keepalive_seconds=0.05) as served, connected(served) as busy:
        busy.send(post(WAIT))
        await served.toy.listeners(1)
        async with connected(served) as resting:
            assert await resting.ask(post(HELLO)) == HELLO_DATA
            assert await resting.closed()
        served.toy.wake.set()
        assert await busy.data() == WAIT_DATA
        assert await busy.closed()


async def test_empty_lines_before_a_request_are_skipped(served: Served) -> None:
    async with connected(served) as client:
        for _ in range(3):
            assert await client.ask(b"\r\n\r\n" + post()) == HELLO_DATA
            assert await client.ask(post()) == HELLO_DATA


def said(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], Any]:
    status, headers, body = answer
    assert datetime.strptime(headers.pop("Date"), "%a, %d %b %Y %H:%M:%S GMT")
    return status, headers, orjson.loads(body)


@pytest.mark.parametrize("origin", [(), (f"Origin: {APP}",), ("Origin: https://evil.example",)])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (HELLO, ()),
        (HELLO, ("Accept: application/graphql-response+json",)),
        (HELLO, ("Accept: text/html",)),
        (HELLO, ("Authorization: Bearer good",)),
        (HELLO, ("Authorization: Bearer bad",)),
        (HELLO, ("Authorization: Bearer good", "Authorization: Bearer good")),
        (HELLO, ("Connection: close",)),
        (b'{"query":"{ caller }"}', ("Authorization: Bearer good", "X-Forwarded-For: 203.0.113.7, 198.51.100.1")),
        (b'{"query":"{ nothing }"}', ("Accept: application/graphql-response+json",)),
        (b'{"query":"{ nothing }"}', ()),
        (b'{"query":"subscription { silence }"}', ()),
        (b"[]", ()),
        (b"{", ()),
        (b"", ()),
    ],
)
async def test_both_ways_answer_alike(body: bytes, headers: tuple[str, ...], origin: tuple[str, ...]) -> None:
    async with serving(trusted_origins=frozenset({APP}), trusted_proxies=1) as served:
        served.tokens.add("good", ALICE, PHONE, datetime(2030, 1, 1, tzinfo=UTC))
        answers = []
        agent = ("User-Agent: gr\xfc\xdfe",)
        for request in (*[post(body, *headers, *origin, *agent)] * 3, chunked(body, *headers, *origin, *agent)):
            async with connected(served) as client:
                await idle(served)
                client.send(request)
                answers.append(said(await client.answer()))
        assert answers[0] == answers[1] == answers[2] == answers[3]
        assert len(set(served.toy.clients)) <= 1


async def test_busy_gateway_says_the_same_on_both_ways(served: Served) -> None:
    served.toy.busy = True
    async with connected(served) as client:
        answers = []
        for request in (post(), chunked()):
            client.send(request)
            answers.append(said(await client.answer()))
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1]["Retry-After"]) == (503, "1")


async def test_token_of_a_remembered_head_is_proven_each_time(served: Served) -> None:
    served.tokens.add("good", ALICE, PHONE, datetime(2030, 1, 1, tzinfo=UTC))
    async with connected(served) as client:
        request = post(HELLO, "Authorization: Bearer good")
        await warm(client, served, request, request)
        served.tokens.known.clear()
        client.send(request)
        assert (await client.answer())[0] == 401
