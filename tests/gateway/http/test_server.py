"""What surrounds the GraphQL path: health, other origins, and the stop."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from structlog.testing import capture_logs

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
            assert response.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, Last-Event-ID"
            assert response.headers["Vary"] == "Origin"
            assert "Access-Control-Allow-Credentials" not in response.headers
        for body in ({"query": "{ hello }"}, {"query": 1}):
            async with http.post(served.url, json=body) as response:
                assert response.headers["Access-Control-Allow-Origin"] == APP


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


async def test_answers_do_not_tell_what_serves_them() -> None:
    async with (
        serving() as served,
        aiohttp.ClientSession() as http,
        http.post(served.url, json={"query": "{ hello }"}) as response,
    ):
        assert "Server" not in response.headers


async def test_running_request_is_finished_before_the_stop() -> None:
    async with serving() as served, aiohttp.ClientSession() as http:
        asking = asyncio.ensure_future(http.post(served.url, json={"query": "{ wait }"}))
        await served.toy.listeners(1)
        stopping = asyncio.ensure_future(served.runner.cleanup())
        served.toy.wake.set()
        async with await asking as response:
            assert await response.json() == {"data": {"wait": "woken"}}
        await stopping
