"""What surrounds the GraphQL path: health, other origins, and the stop."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from structlog.testing import capture_logs

from gateway.environment import read_settings
from tests.gateway.http.clients.raw_client import GET_HELLO, HEALTH, HELLO, chunked, connected, post
from tests.gateway.http.clients.raw_socket import upgrade
from tests.gateway.toy import serving

APP = "https://app.example"


@pytest.mark.parametrize(("reason", "status"), [(None, 200), ("the database does not answer", 503)])
async def test_readiness_is_told_with_its_reason(reason: str | None, status: int) -> None:
    async with serving(not_ready=reason) as served, aiohttp.ClientSession() as http:
        base = served.url.removesuffix("/graphql")
        async with http.get(f"{base}/healthz") as response:
            assert await response.json() == {"status": "alive", "service": "parley"}
        async with http.get(f"{base}/readyz") as response:
            assert response.status == status
            assert (await response.json()).get("reason") == reason


async def test_other_origins_get_nothing_by_default() -> None:
    async with serving() as served, aiohttp.ClientSession(headers={"Origin": APP}) as http:
        async with http.options(served.url) as response:
            assert response.status == 204
            assert not [name for name in response.headers if name.startswith("Access-Control")]
        async with http.post(served.url, json={"query": "{ hello }"}) as response:
            assert "Access-Control-Allow-Origin" not in response.headers


async def test_trusted_origin_gets_its_preflight_and_reads_every_answer() -> None:
    async with (
        serving(trusted_origins=frozenset({APP})) as served,
        aiohttp.ClientSession(headers={"Origin": APP}) as http,
    ):
        async with http.options(
            served.url,
            headers={
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
        ) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Origin"] == APP
            assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
            allowed = set(response.headers["Access-Control-Allow-Headers"].lower().split(", "))
            assert {"authorization", "content-type", "last-event-id"} <= allowed
            assert response.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in response.headers
        for body in ({"query": "{ hello }"}, {"query": 1}):
            async with http.post(served.url, json=body) as response:
                assert response.headers["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize(
    "origin",
    [
        "tauri://localhost",
        "app://.",
        "capacitor://localhost",
        "ionic://localhost",
        "chrome-extension://abcdefghijklmnop",
        "moz-extension://5f0c0000-0000-0000-0000-000000000000",
    ],
)
async def test_pages_of_apps_may_be_trusted(origin: str) -> None:
    (trusted,) = read_settings(trusted_origins=origin).trusted_origins
    async with (
        serving(trusted_origins=frozenset({trusted})) as served,
        aiohttp.ClientSession(headers={"Origin": origin}) as http,
    ):
        for send in (http.options(served.url), http.post(served.url, json={"query": "{ hello }"})):
            async with send as response:
                assert response.headers["Access-Control-Allow-Origin"] == origin
        async with http.ws_connect(served.url, protocols=["graphql-transport-ws"]) as socket:
            await socket.close()


@pytest.mark.parametrize(
    "name",
    [
        *("traceparent", "tracestate", "baggage", "apollographql-client-name", "apollographql-client-version"),
        *("x-apollo-operation-name", "x-apollo-operation-id", "apollo-require-preflight", "x-requested-with"),
        "x-tenant",
    ],
)
async def test_trusted_page_may_send_what_stock_clients_add_and_what_the_operator_allows(name: str) -> None:
    async with (
        serving(trusted_origins=frozenset({APP}), allowed_headers=("X-Tenant",)) as served,
        aiohttp.ClientSession(headers={"Origin": APP}) as http,
    ):
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": name}
        for url in (served.url, f"{served.url}/"):
            async with http.options(url, headers=asked) as response:
                assert name in response.headers["Access-Control-Allow-Headers"].lower().split(", ")


@pytest.mark.parametrize("origin", ["http://[", "://", "http://", "tauri://{host}", "ftp://{host}", "{host}", "null"])
async def test_odd_origin_is_refused_and_is_no_fault_of_ours(origin: str) -> None:
    async with serving() as served, aiohttp.ClientSession() as http:
        host = served.url.removeprefix("http://").removesuffix("/graphql")
        headers = {"Origin": origin.format(host=host), "Accept": "text/event-stream"}
        async with http.post(served.url, json={"query": "{ hello }"}, headers=headers) as response:
            assert response.status == 403


async def test_untrusted_origin_gets_nothing_beside_a_trusted_one() -> None:
    async with serving(trusted_origins=frozenset({APP})) as served, aiohttp.ClientSession() as http:
        for origin in ("https://app.example.evil", "https://evil.example", "null", "http://app.example"):
            async with http.options(served.url, headers={"Origin": origin}) as response:
                assert "Access-Control-Allow-Origin" not in response.headers
                assert response.headers["Vary"] == "Origin"


async def test_request_whose_client_has_gone_is_cancelled() -> None:
    async with serving() as served:
        async with aiohttp.ClientSession() as http:
            asking = asyncio.ensure_future(http.post(served.url, json={"query": "{ wait }"}))
            await served.toy.listeners(1)
            asking.cancel()
            await asyncio.wait([asking])
        await served.toy.listeners(0)
        assert served.toy.opened == served.toy.closed


async def test_fault_of_the_transport_is_answered_like_any_other() -> None:
    async with serving() as served, aiohttp.ClientSession() as http:
        served.tokens.known = None  # type: ignore[assignment]
        headers = {"Authorization": "Bearer any"}
        with capture_logs() as lines:
            async with http.post(served.url, json={"query": "{ hello }"}, headers=headers) as response:
                assert response.status == 500
                (error,) = (await response.json())["errors"]
        assert error["extensions"] == {"code": "INTERNAL", "reference": lines[0]["reference"]}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (post(), 200),
        (chunked(), 200),
        (GET_HELLO, 200),
        (HEALTH, 200),
        (HEALTH.replace(b"/healthz", b"/nothing"), 404),
        (HEALTH.replace(b"GET", b"DELETE"), 405),
        (HEALTH.replace(b"GET", b"MADE-UP"), 400),
        (HEALTH.replace(b"GET /healthz", b"OPTIONS /graphql"), 204),
        (post(b"{"), 400),
        (post(HELLO, "Expect: nothing"), 417),
        (post(HELLO, "Content-Encoding: br"), 415),
        (post(b'{"query":"subscription { count(to: 1) }"}', "Accept: text/event-stream"), 200),
        (upgrade(), 101),
        (upgrade().replace(b"Version: 13", b"Version: 1"), 400),
        (upgrade("Origin: https://evil.example"), 403),
        (b"no HTTP\r\n\r\n", 400),
        (post(HELLO, f"Cookie: {'x' * 17_000}"), 431),
    ],
)
async def test_answers_do_not_tell_what_serves_them(request_: bytes, status: int) -> None:
    async with serving() as served, connected(served) as raw:
        raw.send(request_)
        head = (await raw.reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "\r\nserver:" not in head.lower()
    assert "python" not in head.lower()


async def test_running_request_is_finished_before_the_stop() -> None:
    async with serving() as served, aiohttp.ClientSession() as http:
        asking = asyncio.ensure_future(http.post(served.url, json={"query": "{ wait }"}))
        await served.toy.listeners(1)
        stopping = asyncio.ensure_future(served.runner.cleanup())
        served.toy.wake.set()
        async with await asking as response:
            assert await response.json() == {"data": {"wait": "woken"}}
        await stopping
