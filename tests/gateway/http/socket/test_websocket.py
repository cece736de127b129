"""The rules of graphql-transport-ws, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from tests.gateway.http.clients.socket_client import connected
from tests.gateway.toy import Served, serving

SILENCE = "subscription { silence }"


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def test_query_is_answered_over_the_socket(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe("query ($name: String) { hello(name: $name) }", variables={"name": "you"})
        assert await client.heard() == {
            "id": "1",
            "type": "next",
            "payload": {"data": {"hello": "Hello, you!"}},
        }
        assert await client.heard() == {"id": "1", "type": "complete"}


async def test_mutation_is_run_over_the_socket(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe('mutation { write(text: "by socket") }')
        assert (await client.heard())["payload"] == {"data": {"write": "by socket"}}
        assert served.toy.written[-1] == "by socket"


async def test_events_come_in_order_and_end_with_complete(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe("subscription { count(to: 3) }")
        heard = [await client.heard() for _ in range(4)]
        assert [message["payload"]["data"]["count"] for message in heard[:3]] == [1, 2, 3]
        assert heard[3] == {"id": "1", "type": "complete"}


async def test_each_event_has_a_context_of_its_own(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe("subscription { contexts(times: 3) }")
        numbers = [(await client.heard())["payload"]["data"]["contexts"] for _ in range(3)]
        assert len(set(numbers)) == 3
        assert (await client.heard())["type"] == "complete"
        assert served.toy.opened == served.toy.closed


async def test_peer_that_vanishes_leaves_nothing_behind(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        for number in range(10):
            await client.subscribe(SILENCE, id=str(number))
            await client.heard()
        transport = client.socket._response.connection.transport  # type: ignore[union-attr]
        transport.abort()  # type: ignore[union-attr]
        await served.toy.listeners(0)
    assert served.toy.opened == served.toy.closed


async def test_ping_is_answered_before_and_after_the_handshake(served: Served) -> None:
    async with connected(served) as client:
        await client.say({"type": "ping", "payload": {"n": 1}})
        assert await client.heard() == {"type": "pong", "payload": {"n": 1}}
        await client.init()
        await client.say({"type": "ping"})
        assert await client.heard() == {"type": "pong"}


async def test_pong_needs_no_answer(served: Served) -> None:
    async with connected(served) as client:
        await client.say({"type": "pong", "payload": {"n": 1}})
        await client.init()


async def test_second_init_closes_with_4429(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.say({"type": "connection_init"})
        assert await client.closed() == (4429, "Too many initialisation requests")


async def test_subscribe_before_ack_closes_with_4401(served: Served) -> None:
    async with connected(served) as client:
        await client.subscribe("{ hello }")
        assert (await client.closed())[0] == 4401


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("null", "not null"),
        ("[]", "not an array"),
        ("1", "not a number"),
        ('"text"', "not a string"),
        ("{}", "has no type"),
        ('{"type": 5}', "type must be a string"),
        ('{"type": {}}', "type must be a string"),
        ('{"type": "start"}', "'start'"),
        ('{"type": "' + "x" * 500 + '"}', "type is unknown"),
        ('{"type": "connection_init", "payload": []}', "payload must be an object"),
        ('{"type": "connection_init", "payload": "x"}', "payload must be an object"),
        ('{"type": "ping", "payload": 1}', "payload must be an object"),
        ('{"type": "pong", "payload": true}', "payload must be an object"),
        ('{"type": "subscribe", "payload": {"query": "{ hello }"}}', "id must be a non-empty string"),
        ('{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}', "id must be a non-empty string"),
        ('{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}', "id must be a non-empty string"),
        ('{"type": "subscribe", "id": "' + "x" * 257 + '"}', "longer than 256 characters"),
        ('{"type": "subscribe", "id": "1"}', "payload must be an object"),
        ('{"type": "subscribe", "id": "1", "payload": []}', "payload must be an object"),
        ('{"type": "complete"}', "id must be a non-empty string"),
        ('{"type": "complete", "id": {}}', "id must be a non-empty string"),
        ("[" * 60_000, "not valid JSON"),
        ('{"type": "ping", "payload": {"n": ' + "1" * 5000 + "}}", "not valid JSON"),
        ('{"type": "ping", "payload": {"s": "\\ud800"}}', "not valid JSON"),
        ('{"type": "ünïcödé ' + "é" * 200 + '"}', "type is unknown"),
    ],
)
async def test_message_that_breaks_the_protocol_closes_with_4400(served: Served, message: str, named: str) -> None:
    async with connected(served) as client:
        await client.socket.send_str(message)
        code, reason = await client.closed()
        assert code == 4400
        assert named in reason
        assert len(reason.encode()) <= 123


async def test_byte_order_mark_before_a_message_is_ignored(served: Served) -> None:
    async with connected(served) as client:
        await client.socket.send_str('\ufeff{"type": "ping"}')
        assert await client.heard() == {"type": "pong"}


async def test_binary_message_closes_with_4400(served: Served) -> None:
    async with connected(served) as client:
        await client.socket.send_bytes(b'{"type":"ping"}')
        assert await client.closed() == (4400, "The message is binary: send text messages.")


@pytest.mark.parametrize("protocols", [(), ("graphql-ws",), ("chat", "soap")])
async def test_other_sub_protocols_close_with_4406(served: Served, protocols: tuple[str, ...]) -> None:
    async with connected(served, protocols=protocols) as client:
        assert (await client.closed())[0] == 4406


async def test_the_protocol_is_picked_among_several(served: Served) -> None:
    async with connected(served, protocols=("graphql-ws", "graphql-transport-ws")) as client:
        assert client.socket.protocol == "graphql-transport-ws"
        await client.init()


async def test_no_init_in_time_closes_with_4408() -> None:
    async with serving(init_timeout_seconds=0.05) as served, connected(served) as client:
        assert await client.closed() == (4408, "Connection initialisation timeout")


async def test_message_beyond_the_limit_closes_with_1009() -> None:
    async with serving(max_body_bytes=2000) as served, connected(served) as client:
        await client.socket.send_str('{"type":"ping","payload":{"text":"' + "x" * 3000 + '"}}')
        assert (await client.closed())[0] == 1009


async def test_client_that_stops_reading_holds_back_the_source_and_is_dropped_in_the_end() -> None:
    async with (
        serving(send_timeout_seconds=0.2, close_timeout_seconds=0.2) as served,
        raw_socket(served, "subscription { flood }"),
    ):
        await served.toy.listeners(1)
        await served.toy.listeners(0)
        assert await served.sockets.all_closed(within_seconds=5)


async def test_peer_that_does_not_answer_pings_is_dropped() -> None:
    async with serving(heartbeat_seconds=0.1) as served, raw_socket(served, SILENCE):
        await served.toy.listeners(1)
        await served.toy.listeners(0)
        assert await served.sockets.all_closed(within_seconds=5)


async def test_fault_of_ours_closes_with_1011_and_a_reference() -> None:
    async with serving() as served, connected(served) as client:
        served.tokens.known = None  # type: ignore[assignment]
        with capture_logs() as lines:
            await client.say({"type": "connection_init", "payload": {"accessToken": "any"}})
            code, reason = await client.closed()
        assert code == 1011
        assert lines[0]["reference"] in reason


@asynccontextmanager
async def raw_socket(served: Served, query: str) -> AsyncIterator[None]:
    """A websocket that asks one thing and then only takes what its buffers hold."""
    host, _, port = served.url.removeprefix("http://").removesuffix("/graphql").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    try:
        await handshake(reader, writer)
        writer.write(client_frame('{"type":"connection_init"}'))
        writer.write(client_frame(f'{{"type":"subscribe","id":"1","payload":{{"query":"{query}"}}}}'))
        yield
    finally:
        writer.transport.abort()


async def handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(
        b"GET /graphql HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")


def client_frame(text: str) -> bytes:
    """A masked text frame; the mask of zeros changes nothing."""
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()


async def test_shutdown_closes_sockets_with_1012_and_waits_for_their_sources() -> None:
    async with serving() as served, connected(served) as one, connected(served) as other:
        for client in (one, other):
            await client.init()
            await client.subscribe(SILENCE)
            await client.heard()
        stopping = asyncio.ensure_future(served.runner.cleanup())
        assert (await one.closed())[0] == 1012
        assert (await other.closed())[0] == 1012
        await stopping
        assert served.toy.listening == 0
        assert len(served.sockets) == 0
        assert served.toy.opened == served.toy.closed


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),
        ("{own}", 101),
        ("https://app.example", 101),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
async def test_only_trusted_pages_may_connect(origin: str | None, status: int) -> None:
    async with serving(trusted_origins=frozenset({"https://app.example"})) as served:
        own = served.url.removesuffix("/graphql")
        headers: dict[str, Any] = {} if origin is None else {"Origin": origin.replace("{own}", own)}
        if status == 101:
            async with connected(served, headers=headers) as client:
                await client.init()
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with connected(served, headers=headers):
                    pass
            assert refused.value.status == status
