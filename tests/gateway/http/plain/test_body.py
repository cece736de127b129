"""The body of a request: what is read of it, and what is said of one that cannot be."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import aiohttp
import orjson
import pytest

from tests.gateway.http.clients.json_client import GRAPHQL, JSON, post
from tests.gateway.toy import Served, serving

LIMIT = 20_000


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(max_body_bytes=LIMIT) as served:
        yield served


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.mark.parametrize("way", ["POST", "compressed", "GET"])
async def test_byte_order_mark_before_json_is_ignored(http: aiohttp.ClientSession, served: Served, way: str) -> None:
    expected = {"data": {"double": 42}}
    query = "query ($of: Int!) { double(of: $of) }"
    if way == "GET":
        params = {"query": query, "variables": '\ufeff{"of": 21}'}
        async with http.get(served.url, params=params) as response:
            assert await response.json() == expected
        return
    body = b"\xef\xbb\xbf" + orjson.dumps({"query": query, "variables": {"of": 21}})
    if way == "compressed":
        assert (await post(http, served, gzip.compress(body), {"Content-Encoding": "gzip"}))[1] == expected
    else:
        assert (await post(http, served, body))[1] == expected


async def test_large_integer_behind_a_byte_order_mark_is_refused(http: aiohttp.ClientSession, served: Served) -> None:
    params = {"query": "query ($of: Int!) { double(of: $of) }", "variables": '\ufeff{"of": 123456789012345678901}'}
    async with http.get(served.url, params=params) as response:
        (error,) = (await response.json())["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


def nested(depth: int) -> bytes:
    return b'{"query":"{ hello }","variables":{"any":' + b"[" * depth + b"]" * depth + b"}}"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"query": "{ hello }"} trailing', "not valid JSON"),
        (b"\xef\xbb\xbf{}", "`query` is missing"),
        (b"\xef\xbb\xbf" * 2 + b"{}", "not valid JSON"),
        (b"\xef\xbb{}", "not valid JSON"),
        (b'{"query": "\xff\xfe"}', "not valid JSON"),
        (b'{"query": "{ hello }", "variables": {"n": NaN}}', "not valid JSON"),
        (b'{"query": "\\ud800"}', "not valid JSON"),
        (b'{"query": "{ hello }", "variables": {"n": ' + b"1" * 5000 + b"}}", "not valid JSON"),
        (b"[" * 10_000, "not valid JSON"),
        (nested(5_000), "not valid JSON"),
        (nested(500), "nested more than 64 levels deep"),
        (b"null", "must be an object, not null"),
        (b'"{ hello }"', "must be an object, not a string"),
        (b"1", "must be an object, not a number"),
        (b"true", "must be an object, not a boolean"),
        (b'[{"query": "{ hello }"}]', "Batches are not supported"),
        (b"{}", "`query` is missing"),
        (b'{"query": null}', "`query` is missing"),
        (b'{"query": 1}', "`query` must be a string, not a number"),
        (b'{"query": ["{ hello }"]}', "`query` must be a string, not an array"),
        (b'{"query": "{ hello }", "operationName": false}', "`operationName` must be a string or null"),
        (b'{"query": "{ hello }", "variables": []}', "`variables` must be an object or null"),
        (b'{"query": "{ hello }", "variables": "{}"}', "`variables` must be an object or null"),
        (b'{"query": "{ hello }", "extensions": 0}', "`extensions` must be an object or null"),
    ],
)
async def test_body_that_cannot_be_read_is_named(
    http: aiohttp.ClientSession, served: Served, body: bytes, named: str
) -> None:
    status, answer, _ = await post(http, served, body, {"Accept": GRAPHQL})
    assert status == 400
    assert named in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=latin-1",
        "nonsense",
    ],
)
async def test_other_content_types_are_refused_unread(served: Served, content_type: str | None) -> None:
    before = len(served.toy.written)
    skipped = ["Content-Type"] if content_type is None else []
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = b'{"query": "mutation { write(text: \\"forged\\") }"}'
    async with (
        aiohttp.ClientSession(skip_auto_headers=skipped) as http,
        http.post(served.url, data=body, headers=headers) as response,
    ):
        assert response.status == 415
        assert "errors" in await response.json()
    assert len(served.toy.written) == before


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON;CHARSET=UTF8"])
async def test_utf8_is_read(http: aiohttp.ClientSession, served: Served, content_type: str) -> None:
    body = {"query": '{ hello(name: "Zoë 🏃") }'}
    _, answer, _ = await post(http, served, body, {"Content-Type": content_type})
    assert answer["data"]["hello"] == "Hello, Zoë 🏃!"


QUERY = b'{"query": "{ hello }"}'
ZIPPED = gzip.compress(QUERY, mtime=0)  # the same bytes at any time: tests are named after them


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", ZIPPED),
        ("GZIP", ZIPPED),
        ("deflate", zlib.compress(QUERY)),
        ("deflate", raw_deflate(QUERY)),
        ("identity", QUERY),
    ],
)
async def test_compressed_body_is_read(http: aiohttp.ClientSession, served: Served, encoding: str, body: bytes) -> None:
    status, answer, _ = await post(http, served, body, {"Content-Encoding": encoding})
    assert (status, answer) == (200, {"data": {"hello": "Hello, world!"}})


@pytest.mark.parametrize(
    ("encoding", "body", "status", "named"),
    [
        ("gzip", b"this is not gzip", 400, "decompressed"),
        ("gzip", QUERY, 400, "decompressed"),
        ("gzip", b"", 400, "truncated"),
        ("gzip", ZIPPED[:-5], 400, "truncated"),
        ("gzip", ZIPPED + b"more", 400, "trailing data"),
        ("deflate", b"this is not deflate", 400, "decompressed"),
        ("gzip", gzip.compress(b" " * (LIMIT + 1), mtime=0), 413, "20,000 bytes"),
        ("gzip", gzip.compress(b"\0" * 10_000_000, mtime=0), 413, "20,000 bytes"),
        ("br", QUERY, 415, "Content-Encoding"),
        ("gzip, gzip", QUERY, 415, "Content-Encoding"),
    ],
)
async def test_compressed_body_that_cannot_be_read(
    http: aiohttp.ClientSession, served: Served, encoding: str, body: bytes, status: int, named: str
) -> None:
    got, answer, _ = await post(http, served, body, {"Content-Encoding": encoding})
    assert got == status
    assert named in answer["errors"][0]["message"]


async def test_large_body_is_refused_by_its_announced_length(http: aiohttp.ClientSession, served: Served) -> None:
    status, answer, _ = await post(http, served, b" " * (LIMIT + 1))
    assert status == 413
    assert answer["errors"][0]["message"] == (
        "The body is too large: the limit is 20,000 bytes, before and after decompression."
    )


async def test_large_body_is_refused_when_its_length_is_not_known(http: aiohttp.ClientSession, served: Served) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 1000

    async with http.post(served.url, data=chunks(), headers=JSON) as response:
        assert response.status == 413


async def test_body_that_does_not_come_is_given_up() -> None:
    async with serving(body_timeout_seconds=0.05) as served:
        host, _, port = served.url.removeprefix("http://").removesuffix("/graphql").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        headers = ("POST /graphql HTTP/1.1", "Host: g", "Content-Type: application/json", "Content-Length: 9")
        writer.write("\r\n".join((*headers, "", "{")).encode())
        async with asyncio.timeout(5):
            assert b" 408 " in await reader.readline()
        writer.close()
