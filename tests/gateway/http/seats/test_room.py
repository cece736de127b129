"""Plain connections are capped by address and process, those that rest make room, and using one again is free."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest

from gateway.event_loop import run
from gateway.http.plain.server import Server
from gateway.http.seats.room import MAX_CANDIDATES
from gateway.http.server import ROOM
from tests.gateway.http.clients.event_client import asking
from tests.gateway.http.clients.raw_client import (
    HELLO,
    WAIT,
    RawClient,
    chunked,
    connected,
    connections_of,
    idle,
    post,
    turns,
)
from tests.gateway.http.clients.raw_socket import opened
from tests.gateway.toy import Served, serving

HELLO_DATA = {"data": {"hello": "Hello, world!"}}
LIMITS: dict[str, dict[str, Any]] = {
    "address": {"max_connections_per_address": 3},
    "process": {"max_connections": 3, "trusted_proxies": 1},
}
STATUS = {"address": 429, "process": 503}

by_cap = pytest.mark.parametrize("cap", LIMITS)


async def enter(stack: AsyncExitStack, served: Served) -> RawClient:
    """A connection that the gateway has accepted."""
    before = len(connections_of(served))
    raw = await stack.enter_async_context(connected(served))
    async with asyncio.timeout(20):
        while len(connections_of(served)) == before and not raw.reader.at_eof():
            await turns(1)
    await turns(5)
    return raw


async def is_turned_away(raw: RawClient, status: int) -> dict[str, Any]:
    got, headers, body = await raw.answer()
    assert (got, headers["Retry-After"], headers["Connection"]) == (status, "5", "close")
    assert await raw.closed()
    (error,) = orjson.loads(body)["errors"]
    found: dict[str, Any] = error
    return found


async def until_empty(served: Served) -> None:
    async with asyncio.timeout(20):
        while len(served.runner.app[ROOM]):
            await turns(1)


@by_cap
@pytest.mark.parametrize("request_", [post(), chunked()])
async def test_connection_that_has_rested_longest_makes_room(cap: str, request_: bytes) -> None:
    async with serving(**LIMITS[cap]) as served, AsyncExitStack() as stack:
        first, second, third = [await enter(stack, served) for _ in range(3)]
        for raw in (second, first, third):
            assert await raw.ask(request_) == HELLO_DATA
            await idle(served)
        fourth = await stack.enter_async_context(connected(served))
        assert await fourth.ask(request_) == HELLO_DATA
        assert await second.closed()
        for raw in (first, third, fourth):
            assert await raw.ask(request_) == HELLO_DATA
    await until_empty(served)


@by_cap
async def test_connection_that_said_nothing_goes_before_one_that_was_used(cap: str) -> None:
    async with serving(**LIMITS[cap]) as served, AsyncExitStack() as stack:
        used, silent, begun = [await enter(stack, served) for _ in range(3)]
        assert await used.ask(post()) == HELLO_DATA
        await idle(served)
        await begun.pieces(post()[:20])
        for gone in (silent, used):
            newcomer = await stack.enter_async_context(connected(served))
            newcomer.send(post(WAIT))
            await served.toy.listeners(1 if gone is silent else 2)
            assert await gone.closed()
        begun.send(post()[20:])
        assert await begun.data() == HELLO_DATA


@by_cap
async def test_where_all_are_used_a_newcomer_is_turned_away_and_counted(cap: str) -> None:
    async with serving(**LIMITS[cap]) as served, AsyncExitStack() as stack:
        busy = [await stack.enter_async_context(connected(served)) for _ in range(3)]
        for raw, request_ in zip(busy, (post(WAIT), chunked(WAIT), post(WAIT)), strict=True):
            raw.send(request_)
        await served.toy.listeners(3)
        for _ in range(2):
            async with connected(served) as newcomer:
                error = await is_turned_away(newcomer, STATUS[cap])
        assert error["extensions"] == {"code": "OVERLOADED", "retryAfter": 5}
        assert error["message"].startswith("At most 3 connections")
        assert sum(served.admission.refused.values()) == 2
        served.toy.wake.set()
        for raw in busy:
            assert await raw.data() == {"data": {"wait": "woken"}}
    await until_empty(served)


@by_cap
async def test_sockets_and_streams_take_no_room(cap: str) -> None:
    async with serving(**LIMITS[cap]) as served, AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(opened(served))
            stream = await stack.enter_async_context(asking(served, "subscription { silence }"))
            assert (await stream.event())[0] == "next"
        assert len(served.runner.app[ROOM]) == 0
        busy = [await stack.enter_async_context(connected(served)) for _ in range(3)]
        for raw in busy:
            raw.send(post(WAIT))
        await served.toy.listeners(4 + 3)
        await is_turned_away(await stack.enter_async_context(connected(served)), STATUS[cap])


async def test_addresses_behind_trusted_proxies_are_not_counted() -> None:
    async with serving(max_connections_per_address=1, trusted_proxies=1) as served, AsyncExitStack() as stack:
        for _ in range(3):
            raw = await stack.enter_async_context(connected(served))
            assert await raw.ask(post()) == HELLO_DATA


async def test_flood_of_connections_costs_little_and_ends_as_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    look = Server.plain_connections

    def counted(server: Server) -> Any:
        nonlocal looks
        looks += 1
        return look(server)

    monkeypatch.setattr(Server, "plain_connections", counted)
    async with serving(max_connections_per_address=50) as served:
        async with AsyncExitStack() as stack:
            for _ in range(500):
                await stack.enter_async_context(connected(served))
            last = await stack.enter_async_context(connected(served))
            assert await last.ask(post()) == HELLO_DATA
            assert len(served.runner.app[ROOM]) == 50
            assert looks <= 500 // min(MAX_CANDIDATES, 50) + 2
        await until_empty(served)


async def test_using_a_connection_again_looks_at_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(max_connections_per_address=1) as served, connected(served) as raw:
        assert await raw.ask(post()) == HELLO_DATA
        for name in ("enter", "leave", "_look"):
            monkeypatch.setattr(
                f"gateway.http.seats.room.Room.{name}", lambda *_: pytest.fail("This was not to be called.")
            )
        for request in (post(), post(HELLO, "X-Other: 1"), chunked(), post()):
            assert await raw.ask(request) == HELLO_DATA
        monkeypatch.undo()


def test_newcomer_is_turned_away_on_uvloop_as_well() -> None:
    async def scenario() -> None:
        async with serving(max_connections=1) as served, connected(served) as busy:
            busy.send(post(WAIT))
            await served.toy.listeners(1)
            for _ in range(20):
                async with connected(served) as newcomer:
                    newcomer.send(post())
                    assert (await newcomer.answer())[0] == 503
            served.toy.wake.set()
            assert await busy.data() == {"data": {"wait": "woken"}}
            assert len(served.runner.app[ROOM]) == 1

    run(scenario())


async def test_what_is_answered_behind_a_declined_upgrade_is_not_closed() -> None:
    upgrade = b"GET /nowhere HTTP/1.1\r\nHost: gateway\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    async with serving(max_connections=1) as served, connected(served) as busy:
        busy.send(upgrade + post(WAIT))
        assert (await busy.answer())[0] == 404
        await served.toy.listeners(1)
        async with connected(served) as other:
            await is_turned_away(other, 503)
        served.runner.begin_to_stop()
        served.toy.wake.set()
        assert await busy.data() == {"data": {"wait": "woken"}}
