"""GraphQL over server-sent events, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from gateway.http.origin import NOT_ALLOWED
from tests.gateway.http.clients.event_client import ACCEPT, asking, sending
from tests.gateway.http.clients.raw_client import connected, post
from tests.gateway.toy import ALICE, PHONE, ManualClock, Served, serving

SILENCE = "subscription { silence }"
ALICES = "Authorization: Bearer alice"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def served(clock: ManualClock) -> AsyncIterator[Served]:
    """Whatever a test does: when it is over, nothing is held any more."""
    async with serving(clock=clock) as served:
        served.tokens.add("alice", ALICE, PHONE, clock.now() + timedelta(minutes=10))
        yield served
    assert served.admission.is_empty
    assert clock.pending == 0
    assert served.toy.opened == served.toy.closed


async def test_events_come_in_order_and_end_with_complete(served: Served) -> None:
    async with asking(served, "subscription { count(to: 3) }") as client:
        assert client.status == 200
        assert client.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert client.headers["Cache-Control"] == "no-store"
        assert client.headers["X-Accel-Buffering"] == "no"
        for number in (1, 2, 3):
            assert await client.event() == ("next", None, {"data": {"count": number}})
        assert await client.event() == ("complete", None, None)
        assert await client.comment() is None
        assert await client.raw.closed()


@pytest.mark.parametrize("query", ["{ hello }", "query Named($name: String) { hello(name: $name) }"])
async def test_query_is_answered_as_a_stream_of_one(served: Served, query: str) -> None:
    async with asking(served, query) as client:
        assert await client.event() == ("next", None, {"data": {"hello": "Hello, world!"}})
        assert await client.event() == ("complete", None, None)


async def test_mutation_is_run(served: Served) -> None:
    async with asking(served, 'mutation { write(text: "by stream") }') as client:
        assert await client.event() == ("next", None, {"data": {"write": "by stream"}})
    assert served.toy.written == ["by stream"]


@pytest.mark.parametrize(
    ("query", "code"), [("{ nothing }", "GRAPHQL_VALIDATION_FAILED"), ("{", "GRAPHQL_PARSE_FAILED")]
)
async def test_what_is_wrong_with_an_operation_is_told_in_the_stream(served: Served, query: str, code: str) -> None:
    async with asking(served, query) as client:
        assert client.status == 200
        kind, _, answer = await client.event()
        assert (kind, answer["errors"][0]["extensions"]["code"]) == ("next", code)
        assert await client.event() == ("complete", None, None)


@pytest.mark.parametrize(
    ("field", "before", "code"),
    [("refused", 0, "UNAUTHENTICATED"), ("resync", 1, "RESYNC"), ("failing", 1, "INTERNAL")],
)
async def test_source_that_fails_ends_the_stream_with_its_error(
    served: Served, field: str, before: int, code: str
) -> None:
    with capture_logs():
        async with asking(served, f"subscription {{ {field} }}") as client:
            for _ in range(before):
                assert "errors" not in (await client.event())[2]
            kind, id, answer = await client.event()
            assert (kind, id, answer["errors"][0]["extensions"]["code"]) == ("next", None, code)
            assert await client.event() == ("complete", None, None)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(b"{", ACCEPT), 400),
        (post(b'{"query": 1}', ACCEPT), 400),
        (post(b"{}", ACCEPT, "Authorization: Bearer wrong"), 401),
        (post(b"{}", ACCEPT, "Authorization: Basic alice"), 401),
        (post(b"{}", ACCEPT, "Content-Encoding: br"), 415),
        (post(b"", ACCEPT, length=10_000_000), 413),
        (b"PUT /graphql HTTP/1.1\r\nHost: gateway\r\nAccept: text/event-stream\r\nContent-Length: 0\r\n\r\n", 405),
        (
            b"GET /graphql?query=mutation{write(text:%221%22)} HTTP/1.1\r\nHost: gateway\r\n"
            + ACCEPT.encode()
            + b"\r\n\r\n",
            405,
        ),
        (post(b'{"query":"{ hello }"}', ACCEPT, "Origin: https://evil.example"), 403),
    ],
)
async def test_what_is_wrong_with_a_request_is_told_by_its_status(
    served: Served, request_bytes: bytes, status: int
) -> None:
    async with sending(served, request_bytes) as client:
        assert client.status == status
        assert client.headers["Content-Type"].startswith("application/json")
        assert (await client.error())["message"]
    assert served.toy.written == []


async def test_refusing_a_page_leaves_nothing_of_its_request_behind(served: Served) -> None:
    """An error that is raised keeps what it passed, and this one is there for ever."""
    async with sending(served, post(b'{"query":"{ hello }"}', ACCEPT, "Origin: https://evil.example")) as client:
        assert client.status == 403
    assert NOT_ALLOWED.__traceback__ is None


async def test_get_streams_what_changes_nothing(served: Served) -> None:
    query = quote("subscription { count(to: 1) }")
    async with sending(
        served, f"GET /graphql?query={query} HTTP/1.1\r\nHost: gateway\r\n{ACCEPT}\r\n\r\n".encode()
    ) as client:
        assert await client.event() == ("next", None, {"data": {"count": 1}})


async def test_subscription_without_a_stream_is_told_of_both_ways(served: Served) -> None:
    async with connected(served) as raw:
        (error,) = (await raw.ask(post(b'{"query":"subscription { silence }"}')))["errors"]
        assert "graphql-transport-ws" in error["message"]
        assert "text/event-stream" in error["message"]


async def test_client_that_leaves_leaves_nothing_behind(served: Served) -> None:
    async with asking(served, SILENCE, ALICES) as client:
        await client.event()
        assert len(served.sockets) == 1
        client.raw.writer.transport.abort()
        await served.toy.listeners(0)


async def test_stream_ends_with_its_token_and_says_so(served: Served, clock: ManualClock) -> None:
    async with asking(served, SILENCE, ALICES) as client:
        await client.event()
        clock.advance(10 * 60)
        assert await client.comment() == "4403 token expired: reconnect with a new one"
        # No `complete`: it is not over.
        assert await client.comment() is None
        await served.toy.listeners(0)


async def test_stream_of_a_revoked_session_ends_and_no_other(served: Served) -> None:
    async with asking(served, SILENCE, ALICES) as revoked, asking(served, "subscription { callers }") as anonymous:
        await revoked.event()
        await served.toy.listeners(2)
        assert served.sockets.revoke(PHONE) == 1
        assert await revoked.comment() == "4403 signed out"
        served.toy.wake.set()
        assert (await anonymous.event())[2] == {"data": {"callers": None}}


async def test_session_that_is_revoked_while_the_body_comes_gets_no_stream(served: Served) -> None:
    body = b'{"query":"subscription { silence }"}'
    async with connected(served) as raw:
        raw.send(post(b"", ACCEPT, ALICES, length=len(body)))
        async with asyncio.timeout(5):
            while not len(served.sockets):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0)
        served.sockets.revoke(PHONE)
        raw.send(body)
        assert b": 4403 signed out\n\n" in await raw.reader.readuntil(b"0\r\n\r\n")
    assert served.toy.opened == 0


async def test_stop_cuts_streams_short_and_waits_for_their_sources(served: Served) -> None:
    async with asking(served, SILENCE) as client:
        await client.event()
        stopping = asyncio.ensure_future(served.runner.cleanup())
        assert (await client.comment() or "").startswith("1012 restarting")
        assert await client.comment() is None
        await stopping
        assert served.toy.listening == 0
        assert len(served.sockets) == 0


async def test_stop_lets_a_query_finish(served: Served) -> None:
    async with asking(served, "{ wait }") as client:
        await served.toy.listeners(1)
        stopping = asyncio.ensure_future(served.runner.cleanup())
        served.toy.wake.set()
        assert await client.event() == ("next", None, {"data": {"wait": "woken"}})
        assert await client.event() == ("complete", None, None)
        await stopping


async def test_silence_is_filled_with_signs_of_life() -> None:
    async with serving(heartbeat_seconds=0.01) as served, asking(served, SILENCE) as client:
        await client.event()
        for _ in range(3):
            assert await client.block() == {"": ""}


async def test_client_that_stops_reading_is_left() -> None:
    async with (
        serving(send_timeout_seconds=0.2, close_timeout_seconds=0.2) as served,
        asking(served, "subscription { flood }"),
    ):
        await served.toy.listeners(1)
        await served.toy.listeners(0)
        assert await served.sockets.all_closed(within_seconds=5)


async def test_large_answer_reaches_a_slow_reader_whole(served: Served) -> None:
    async with asking(served, "{ text(kilobytes: 4000) }") as client:
        kind, _, answer = await client.event()
        assert (kind, len(answer["data"]["text"])) == ("next", 4000 * 1024)
        assert await client.event() == ("complete", None, None)
        assert await client.comment() is None


async def test_old_http_gets_its_stream_without_chunks(served: Served) -> None:
    async with connected(served) as raw:
        raw.send(post(b'{"query":"{ hello }"}', ACCEPT).replace(b"HTTP/1.1", b"HTTP/1.0"))
        head, _, body = (await raw.reader.read()).partition(b"\r\n\r\n")
        assert b"chunked" not in head
        assert body == b':\n\nevent: next\ndata: {"data":{"hello":"Hello, world!"}}\n\nevent: complete\ndata: \n\n'


async def test_streams_count_as_sockets_and_their_subscriptions_as_subscriptions() -> None:
    async with serving(max_sockets_per_user=2, max_subscriptions_per_user=1) as served:
        served.tokens.add("alice", ALICE, PHONE, (ManualClock().now() + timedelta(days=10_000)))
        async with asking(served, SILENCE, ALICES) as first:
            await first.event()
            async with asking(served, SILENCE, ALICES) as refused:
                assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
                assert (await refused.error())["message"] == (
                    "At most 1 subscriptions can run per user. Try again later."
                )
            async with asking(served, "{ wait }", ALICES):
                await served.toy.listeners(2)
                async with asking(served, "{ hello }", ALICES) as refused:
                    assert refused.status == 429
                    assert "sockets can be open per user" in (await refused.error())["message"]
        await served.toy.listeners(0)
    assert served.admission.is_empty


async def test_trusted_page_may_read_the_stream() -> None:
    page = "https://app.example"
    async with (
        serving(trusted_origins=frozenset({page})) as served,
        asking(served, "{ hello }", f"Origin: {page}") as client,
    ):
        assert client.headers["Access-Control-Allow-Origin"] == page
