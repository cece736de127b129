"""Heads that are large and answered, and those that are too large or no HTTP: refused so that a page can read why."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import pytest

from gateway.http.plain.unreadable import MAX_HEAD_BYTES, MAX_HEADERS
from gateway.http.server import OVER_HTTP
from tests.gateway.http.clients.raw_client import (
    GET_WAIT,
    HELLO,
    WAIT,
    RawClient,
    chunked,
    connected,
    idle,
    post,
    turns,
    warm,
)
from tests.gateway.toy import Served, serving

APP = "https://app.example"
ORIGIN = f"Origin: {APP}"
HELLO_DATA = {"data": {"hello": "Hello, world!"}}


def get(query_bytes: int, *headers: str) -> bytes:
    """A query whose URL is about so long."""
    padded = "{hello}" + "%20" * (query_bytes // 3)
    return "\r\n".join((f"GET /graphql?query={padded} HTTP/1.1", "Host: gateway", *headers, "", "")).encode()


def cookie(size: int) -> str:
    return f"Cookie: session={'x' * size}"


TOO_LARGE: dict[str, tuple[int, bytes]] = {
    "URL": (414, get(17_000, ORIGIN)),
    "URL behind an empty line": (414, b"\r\n" + get(17_000, ORIGIN)),
    "URL of a POST": (414, post(HELLO, ORIGIN).replace(b"/graphql", b"/graphql?" + b"x" * 17_000)),
    "cookie behind the origin": (431, post(HELLO, ORIGIN, cookie(17_000))),
    "cookie before the origin": (431, post(HELLO, cookie(17_000), ORIGIN)),
    "cookie of a GET": (431, get(0, cookie(17_000), ORIGIN)),
    "name of a header": (431, post(HELLO, f"{'x' * 17_000}: 1", ORIGIN)),
    "token": (431, post(HELLO, f"Authorization: Bearer {'x' * 17_000}", ORIGIN)),
    "number of headers": (431, post(HELLO, ORIGIN, *(f"X-{number}: 1" for number in range(MAX_HEADERS)))),
    "end that never comes": (431, post(HELLO, ORIGIN, cookie(MAX_HEAD_BYTES + 20_000)).partition(b"xxx\r\n")[0]),
}


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(trusted_origins=frozenset({APP})) as served:
        yield served


async def is_refused(raw: RawClient, status: int) -> None:
    got, headers, body = await raw.answer()
    assert got == status, body
    assert headers["Access-Control-Allow-Origin"] == APP
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Connection"] == "close"
    assert "Server" not in headers
    assert orjson.loads(body)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert await raw.closed()


@pytest.mark.parametrize("size", [9_000, 16_000])
@pytest.mark.parametrize("way", ["URL", "cookie", "cookie in chunks", "token", "other header"])
async def test_large_head_is_answered(served: Served, size: int, way: str) -> None:
    request = {
        "URL": get(size),
        "cookie": post(HELLO, cookie(size)),
        "cookie in chunks": chunked(HELLO, cookie(size)),
        "token": post(HELLO, "X-Other: 1", f"X-Token: {'x' * size}"),
        "other header": post(HELLO, f"X-Other: {'x' * size}"),
    }[way]
    async with connected(served) as raw:
        for _ in range(2):
            assert await raw.ask(request) == HELLO_DATA
        await raw.pieces(request[:5_000], request[5_000:])
        assert await raw.data() == HELLO_DATA


@pytest.mark.parametrize("fault", [fault for fault in TOO_LARGE if "never" not in fault])
@pytest.mark.parametrize("piece", [0, 1_000, 20_000])
async def test_head_that_is_too_large_is_refused_so_that_its_page_can_read_it(
    served: Served, fault: str, piece: int
) -> None:
    status, request = TOO_LARGE[fault]
    async with connected(served) as raw:
        await turns(20)
        if not piece:
            raw.send(request)
        else:
            # The whole head is read before the answer: a client that still sends may miss it.
            head, _, body = request.partition(b"\r\n\r\n")
            await raw.pieces(*(head[n : n + piece] for n in range(0, len(head), piece)), b"\r\n\r\n" + body)
        await is_refused(raw, status)


@pytest.mark.parametrize("fault", TOO_LARGE)
async def test_it_is_refused_on_a_connection_that_was_in_use(served: Served, fault: str) -> None:
    status, request = TOO_LARGE[fault]
    async with connected(served) as raw:
        await warm(raw, served, post(), post())
        await idle(served)
        raw.send(request)
        await is_refused(raw, status)


@pytest.mark.parametrize("first", [post(WAIT), GET_WAIT])
async def test_it_is_refused_after_what_came_before_it_is_answered(served: Served, first: bytes) -> None:
    async with connected(served) as raw:
        await raw.pieces(first, post(HELLO, cookie(17_000), ORIGIN))
        await served.toy.listeners(1)
        served.toy.wake.set()
        assert await raw.data() == {"data": {"wait": "woken"}}
        await is_refused(raw, 431)
        served.toy.wake.clear()


async def test_end_of_the_head_is_waited_for_no_longer_than_for_any_head() -> None:
    async with serving(head_timeout_seconds=0.1, trusted_origins=frozenset({APP})) as served, connected(served) as raw:
        raw.send(post(HELLO, ORIGIN, cookie(17_000)).partition(b"xxx\r\n")[0])
        await is_refused(raw, 408)


@pytest.mark.parametrize(
    "request_", [b"\x00" * 100, b"GET / HTTP/9.9\r\n" + ORIGIN.encode() + b"\r\n\r\n", b"\r\n\r\nHI\r\n"]
)
async def test_what_is_no_http_is_refused_counted_and_not_logged(
    served: Served, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    refused = served.runner.app[OVER_HTTP].refused
    before = refused[400]
    for _ in range(3):
        async with connected(served) as raw:
            raw.send(request_)
            status, headers, body = await raw.answer()
            assert status == 400
            assert orjson.loads(body)["errors"][0]["message"] == "The request is not valid HTTP."
            assert ("Access-Control-Allow-Origin" in headers) == (ORIGIN.encode() in request_)
    assert caplog.records == []
    assert refused[400] == before + 3


@pytest.mark.parametrize("line", ["CONNECT gateway:80 HTTP/1.1", "GET /nowhere HTTP/1.1"])
@pytest.mark.parametrize("rest", [b"{}", b"\x00" * 100, b"GET / HTTP/9.9\r\n\r\n"])
async def test_what_is_no_http_behind_a_declined_upgrade_is_refused_and_not_logged(
    served: Served, line: str, rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(served) as raw:
        raw.send(f"{line}\r\nHost: gateway\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".encode() + rest)
        status, _, _ = await raw.answer()
        assert status == 404
        status, _, body = await raw.answer()
        assert status == 400
        assert orjson.loads(body)["errors"][0]["message"] == "The request is not valid HTTP."
        assert await raw.closed()
    assert caplog.records == []


async def test_head_that_is_too_large_in_small_pieces_does_not_end_others(served: Served) -> None:
    async with connected(served) as slow, connected(served) as other:
        line = b"X-Filler: " + b"x" * 990 + b"\r\n"
        await slow.pieces(post(HELLO, ORIGIN)[: -len(HELLO) - 2], *[line] * 60)
        assert await other.ask(post()) == HELLO_DATA
        slow.send(*[line] * 10)
        await is_refused(slow, 431)
