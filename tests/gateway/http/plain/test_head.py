"""Which heads are plain, where they end, and that remembering them is bounded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser, RawRequestMessage

from gateway.http.options import Options
from gateway.http.plain.head import MAX_KNOWN_BYTES, MAX_KNOWN_HEADS, PlainHead, PlainHeads, request_bytes
from tests.gateway.http.clients.raw_client import GET_HELLO, HELLO, chunked, post


async def parsed(data: bytes) -> RawRequestMessage:
    loop = asyncio.get_running_loop()
    parser: Any = HttpRequestParser(BaseProtocol(loop), loop, 2**16, max_line_size=8190)
    ((message, _payload),) = parser.feed_data(data)[0]
    assert isinstance(message, RawRequestMessage)
    return message


async def read(data: bytes, options: Options | None = None) -> PlainHead | None:
    message = await parsed(data)
    return PlainHeads(options or Options()).read(message)


@pytest.mark.parametrize(
    "request_",
    [
        post(),
        post(b""),
        post(HELLO, "Connection: close"),
        post().replace(b"/graphql", b"/graphql/"),
        post(HELLO, "Accept: application/graphql-response+json"),
        post(HELLO, "Accept: application/json, text/event-stream, multipart/mixed"),
        post().replace(b"application/json", b"Application/JSON; charset=UTF-8"),
    ],
)
async def test_plain_head_is_read(request_: bytes) -> None:
    head = await read(request_)
    assert head is not None
    assert head.body_bytes == len(request_.partition(b"\r\n\r\n")[2])
    assert head.closes == (b"close" in request_)


@pytest.mark.parametrize(
    "request_",
    [
        GET_HELLO,
        chunked(),
        post().replace(b"POST", b"PUT"),
        post().replace(b"HTTP/1.1", b"HTTP/1.0"),
        post().replace(b"/graphql", b"/graphql?query={hello}"),
        post().replace(b"/graphql", b"http://gateway/graphql"),
        post().replace(b"application/json", b"text/plain"),
        post().replace(b"application/json", b"application/json; charset=latin-1"),
        post().replace(b"Content-Type: application/json\r\n", b""),
        post(HELLO, "Content-Encoding: gzip"),
        post(HELLO, "Expect: 100-continue"),
        post(HELLO, "Connection: Upgrade", "Upgrade: websocket"),
        post(HELLO, "Accept: text/html"),
        post(HELLO, "Accept: text/event-stream"),
        post(b" " * 101),
    ],
)
async def test_whatever_is_unusual_is_not_plain(request_: bytes) -> None:
    assert await read(request_, Options(max_body_bytes=100)) is None


@pytest.mark.parametrize("request_", [post(), post(b""), GET_HELLO])
async def test_request_has_the_length_of_its_head_and_body(request_: bytes) -> None:
    message = await parsed(request_)
    for data in (request_, request_[:-1] if request_ == post() else request_, request_ + b"POST"):
        assert request_bytes(data, message) == len(request_)


@pytest.mark.parametrize(
    "data",
    [
        chunked(),
        b"\r\n\r\n" + post(),
        b"\n" + post(),
        post().replace(b"\r\nHost", b"\nHost"),
        post().partition(b"\r\n\r\n")[0],
        b"",
    ],
)
async def test_length_is_not_guessed(data: bytes) -> None:
    message = await parsed(chunked() if data == chunked() else post())
    assert request_bytes(data, message) is None


async def test_memory_is_bounded() -> None:
    heads = PlainHeads(Options())
    head = await read(post())
    assert head is not None
    for number in range(3 * MAX_KNOWN_HEADS):
        heads.keep(b"%d" % number, head)
        assert heads.known(b"%d" % number) is head
    assert sum(heads.known(b"%d" % number) is not None for number in range(3 * MAX_KNOWN_HEADS)) <= MAX_KNOWN_HEADS
    heads.keep(b"x" * (MAX_KNOWN_BYTES + 1), head)
    assert heads.known(b"x" * (MAX_KNOWN_BYTES + 1)) is None
