"""A gateway that is told to stop takes leave of its clients in order, and loses no answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from gateway.http.seats.stopping import LONGEST_SPREAD_SECONDS, closing_times
from tests.gateway.http.clients import socket_client
from tests.gateway.http.clients.raw_client import GET_HELLO, HEALTH, WAIT, chunked, connected, post
from tests.gateway.toy import Served, serving

READY = b"GET /readyz HTTP/1.1\r\nHost: gateway\r\n\r\n"
WAITING = "{ wait }"
WAIT_DATA = {"data": {"wait": "woken"}}
EVENTS = "subscription { callers }"
SILENCE = "subscription { silence }"


@asynccontextmanager
async def stopping(served: Served) -> AsyncIterator[asyncio.Task[None]]:
    """The stop, begun so far that nobody is let in any more."""
    task = asyncio.create_task(served.runner.cleanup())
    while served.runner.addresses:  # noqa: ASYNC110 - aiohttp tells nobody
        await asyncio.sleep(0)
    yield task
    await task


@pytest.mark.parametrize("request_", [post(), chunked(), GET_HELLO, HEALTH])
async def test_while_it_drains_it_answers_and_sends_clients_elsewhere(request_: bytes) -> None:
    async with serving() as served, connected(served) as known:
        known.send(request_)
        _, headers, _ = await known.answer()
        assert "Connection" not in headers
        served.runner.begin_to_stop()
        async with connected(served) as late:
            for client in known, late:
                client.send(request_)
                status, headers, _ = await client.answer()
                assert (status, headers["Connection"]) == (200, "close")
                assert await client.closed()


async def test_while_it_drains_it_is_not_ready_and_sockets_go_on() -> None:
    async with serving() as served, socket_client.connected(served) as client:
        await client.init()
        served.runner.begin_to_stop()
        async with connected(served) as probe:
            probe.send(READY)
            status, _, body = await probe.answer()
            assert (status, b"about to stop" in body) == (503, True)
        async with socket_client.connected(served) as late:
            for each in client, late:
                if each is late:
                    await each.init()
                await each.subscribe("{ hello }")
                assert (await each.heard())["payload"] == {"data": {"hello": "Hello, world!"}}


async def test_nobody_is_let_in_while_the_last_requests_run() -> None:
    async with serving() as served, connected(served) as busy:
        busy.send(post(WAIT))
        await served.toy.listeners(1)
        async with stopping(served):
            with pytest.raises(ConnectionRefusedError):
                async with connected(served):
                    pass
            served.toy.wake.set()
            status, headers, body = await busy.answer()
            assert (status, headers["Connection"], body) == (200, "close", b'{"data":{"wait":"woken"}}')


async def test_connection_that_rests_is_closed_before_the_last_requests_end() -> None:
    async with serving() as served, connected(served) as busy, connected(served) as resting, connected(served) as new:
        await resting.ask(post())
        busy.send(post(WAIT))
        await served.toy.listeners(1)
        async with stopping(served):
            assert await resting.closed()
            assert await new.closed()
            served.toy.wake.set()
            assert await busy.data() == WAIT_DATA


async def test_sockets_hear_events_until_the_last_requests_have_ended() -> None:
    async with (
        serving() as served,
        connected(served) as busy,
        socket_client.connected(served) as watching,
    ):
        await watching.init()
        await watching.subscribe(EVENTS)
        await served.toy.listeners(1)
        busy.send(post(WAIT))
        await served.toy.listeners(2)
        async with stopping(served):
            served.toy.wake.set()
            assert (await watching.heard())["type"] == "next"
            assert await busy.data() == WAIT_DATA
            assert (await watching.closed())[0] == 1012


async def test_what_runs_on_a_socket_is_answered_before_it_is_closed() -> None:
    async with serving() as served, socket_client.connected(served) as busy, socket_client.connected(served) as quiet:
        await quiet.init()
        await quiet.subscribe(SILENCE)
        assert (await quiet.heard())["type"] == "next"
        await busy.init()
        await busy.subscribe(WAITING)
        await served.toy.listeners(2)
        async with stopping(served):
            assert (await quiet.closed())[0] == 1012
            served.toy.wake.set()
            assert (await busy.heard())["payload"] == WAIT_DATA
            assert (await busy.heard())["type"] == "complete"
            assert (await busy.closed())[0] == 1012


async def test_event_stream_is_cut_short_and_the_answer_of_a_mutation_is_not() -> None:
    events = {"Accept": "text/event-stream"}
    async with serving(shutdown_seconds=600) as served, aiohttp.ClientSession(headers=events) as http:
        watching = await http.post(served.url, json={"query": SILENCE})
        asking = await http.post(served.url, json={"query": WAITING})
        await served.toy.listeners(2)
        async with stopping(served):
            assert b": 1012 restarting" in await watching.read()
            served.toy.wake.set()
            answer = await asking.read()
        assert b'data: {"data":{"wait":"woken"}}' in answer
        assert b"event: complete" in answer


async def test_socket_on_which_something_runs_for_ever_is_closed_all_the_same() -> None:
    async with serving(shutdown_seconds=0.05) as served, socket_client.connected(served) as busy:
        await busy.init()
        await busy.subscribe(WAITING)
        await served.toy.listeners(1)
        async with stopping(served):
            assert (await busy.closed())[0] == 1012
        assert served.toy.listening == 0


async def test_stop_that_is_cancelled_waits_for_nobody() -> None:
    async with serving(shutdown_seconds=600) as served, connected(served) as busy:
        busy.send(post(WAIT))
        await served.toy.listeners(1)

        async def stop_after_all() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await served.runner.cleanup()

        task = asyncio.create_task(stop_after_all())
        await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(20):
            await asyncio.wait([task])
        await served.toy.listeners(0)


async def test_hundred_sockets_are_told_in_no_order() -> None:
    async with serving() as served, aiohttp.ClientSession() as http:
        sockets = [await http.ws_connect(served.url, protocols=[socket_client.PROTOCOL]) for _ in range(100)]
        order: list[int] = []

        async def hear(number: int) -> None:
            frame = await sockets[number].receive(timeout=20)
            assert frame.data == 1012
            order.append(number)

        hearing = [asyncio.create_task(hear(number)) for number in range(len(sockets))]
        await served.runner.cleanup()
        await asyncio.gather(*hearing)
        assert sorted(order) == list(range(100))
        assert order != sorted(order)


@pytest.mark.parametrize(("count", "most"), [(0, 0), (1, 0.01), (300, 1), (100_000, LONGEST_SPREAD_SECONDS)])
def test_sockets_are_closed_over_as_long_as_their_number_needs(count: int, most: float) -> None:
    found = closing_times(count)
    assert len(found) == count
    assert found == sorted(found)
    assert all(0 <= moment <= most for moment in found)
    assert count < 300 or max(found) > most / 2
