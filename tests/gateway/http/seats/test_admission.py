"""How many sockets a process takes and from whom, and what a hostile one may send: over raw sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psutil
import pytest
from structlog.testing import capture_logs

from gateway.auth.client import Client
from gateway.http.options import Options
from gateway.http.seats.admission import Admission, NoRoom
from tests.gateway.http.clients.raw_client import connected, post
from tests.gateway.http.clients.raw_socket import (
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawSocket,
    frame,
    head,
    init,
    message,
    opened,
    subscribe,
    upgrade,
)
from tests.gateway.toy import ALICE, BOB, LAPTOP, PHONE, Served
from tests.gateway.toy import serving as serving_toy

SILENCE = "subscription { silence }"
ACK = {"type": "connection_ack"}
MEBIBYTE = 1024 * 1024


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Served]:
    """The toy schema, with tokens of Alice and Bob. When it is over nobody may hold a place any more."""
    async with serving_toy(**options) as served:
        later = datetime.now(UTC) + timedelta(hours=1)
        served.tokens.add("alice", ALICE, PHONE, later)
        served.tokens.add("bob", BOB, LAPTOP, later)
        yield served
    assert served.admission.is_empty


async def signed_in(stack: AsyncExitStack, served: Served, token: str, *headers: str) -> RawSocket:
    """A socket of whoever the token is of, acknowledged."""
    socket = await stack.enter_async_context(opened(served, *headers))
    socket.send(init(token))
    assert await socket.said() == ACK
    return socket


async def refused(served: Served, *headers: str) -> tuple[int, str, Any]:
    """The status, the time to wait and the error that one who asks for a socket gets instead."""
    async with connected(served) as raw:
        raw.send(upgrade(*headers))
        status, given, body = await raw.answer()
        assert await raw.closed()
        (error,) = orjson.loads(body)["errors"]
        return status, given["Retry-After"], error


async def until_gone(served: Served, left: int = 0) -> None:
    """Wait until no more sockets than these are open."""
    async with asyncio.timeout(20):
        while len(served.sockets) > left:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)


class TestSockets:
    """Caps of sockets: told before the upgrade where the caller is known by then."""

    async def test_full_process_is_told_before_the_upgrade(self) -> None:
        async with serving(max_sockets=2) as served, AsyncExitStack() as stack:
            for token in ("alice", "bob"):
                await signed_in(stack, served, token)
            with capture_logs() as lines:
                status, wait, error = await refused(served)
                assert (status, wait) == (503, "5")
                assert error["extensions"] == {"code": "OVERLOADED", "retryAfter": 5}
                assert error["message"] == "At most 2 sockets can be open per process. Try again later."
                await refused(served)
            assert [line for line in lines if line["event"] == "sockets.no_room"] == [
                {"event": "sockets.no_room", "cap": "sockets", "most": 2, "refused": 1, "log_level": "warning"}
            ]
            assert served.admission.refused == {"sockets": 2}

    async def test_one_address_cannot_take_the_room_of_others(self) -> None:
        async with serving(max_sockets_per_address=2, trusted_proxies=1) as served, AsyncExitStack() as stack:
            here, there = "X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 198.51.100.2"
            for _ in range(2):
                await signed_in(stack, served, "alice", here)
            assert (await refused(served, here))[0] == 429
            await signed_in(stack, served, "alice", there)

    async def test_network_of_ipv6_counts_as_one_address(self) -> None:
        async with serving(max_sockets_per_address=1, trusted_proxies=1) as served, AsyncExitStack() as stack:
            await signed_in(stack, served, "alice", "X-Forwarded-For: 2001:db8::1")
            assert (await refused(served, "X-Forwarded-For: 2001:db8:0:0:ffff::2"))[0] == 429
            await signed_in(stack, served, "alice", "X-Forwarded-For: 2001:db8:0:1::1")

    async def test_address_that_a_client_claims_without_a_proxy_is_not_believed(self) -> None:
        async with serving(max_sockets_per_address=1) as served, AsyncExitStack() as stack:
            await signed_in(stack, served, "alice", "X-Forwarded-For: 198.51.100.1")
            assert (await refused(served, "X-Forwarded-For: 198.51.100.2"))[0] == 429

    async def test_user_with_too_many_is_closed_with_4503_and_others_are_not(self) -> None:
        async with serving(max_sockets_per_user=2) as served, AsyncExitStack() as stack:
            first = await signed_in(stack, served, "alice")
            await signed_in(stack, served, "alice")
            third = await stack.enter_async_context(opened(served))
            third.send(init("alice"))
            assert await third.closed() == (4503, "At most 2 sockets can be open per user. Try again later.")
            await signed_in(stack, served, "bob")
            first.raw.writer.transport.abort()
            await until_gone(served, left=2)
            await signed_in(stack, served, "alice")

    async def test_strangers_have_a_smaller_cap_which_a_token_frees(self) -> None:
        async with serving(max_anonymous_sockets_per_address=2) as served, AsyncExitStack() as stack:
            silent = await stack.enter_async_context(opened(served))
            anonymous = await stack.enter_async_context(opened(served))
            anonymous.send(init())
            assert await anonymous.said() == ACK
            status, _, error = await refused(served)
            assert (status, error["message"]) == (
                429,
                "At most 2 sockets without a token can be open per address. Try again later.",
            )
            silent.send(init("alice"))
            assert await silent.said() == ACK
            await stack.enter_async_context(opened(served))

    async def test_strangers_of_all_addresses_together_are_capped(self) -> None:
        async with serving(max_anonymous_sockets=2, trusted_proxies=1) as served, AsyncExitStack() as stack:
            for number in range(2):
                await stack.enter_async_context(opened(served, f"X-Forwarded-For: 198.51.100.{number}"))
            assert (await refused(served, "X-Forwarded-For: 198.51.100.9"))[0] == 503

    async def test_refusal_is_readable_for_a_trusted_page(self) -> None:
        page = "https://app.example"
        async with (
            serving(max_sockets=1, trusted_origins=frozenset({page})) as served,
            opened(served),
            connected(served) as raw,
        ):
            raw.send(upgrade(f"Origin: {page}"))
            _, headers, _ = await raw.answer()
            assert headers["Access-Control-Allow-Origin"] == page

    @pytest.mark.parametrize("ending", ["abort", "fin", "close frame", "bad message", "wrong token", "ping timeout"])
    async def test_place_is_given_back_however_a_socket_ends(self, ending: str) -> None:
        async with serving(max_sockets=1, heartbeat_seconds=0.1) as served:
            for _ in range(3):
                async with AsyncExitStack() as stack:
                    socket = await signed_in(stack, served, "alice")
                    socket.send(subscribe("1", SILENCE))
                    match ending:
                        case "abort":
                            socket.raw.writer.transport.abort()
                        case "fin":
                            socket.raw.writer.write_eof()
                        case "close frame":
                            socket.send(frame(b"\x03\xe8", 8))
                        case "bad message":
                            socket.send(frame(b"{"))
                        case "wrong token":
                            socket.send(message(type="ping", payload={"accessToken": "bob"}))
                    # A client that answers no ping of ours is dropped: nothing here does.
                    await until_gone(served)
            async with asyncio.timeout(20):
                while not served.admission.is_empty:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0)


class TestSubscriptions:
    """Caps of subscriptions: one too many is an error of its own, and the socket goes on."""

    async def test_user_with_too_many_is_told_by_an_error(self) -> None:
        async with serving(max_subscriptions_per_user=2) as served, AsyncExitStack() as stack:
            one, other = [await signed_in(stack, served, "alice") for _ in range(2)]
            for socket in (one, other):
                socket.send(subscribe("a", SILENCE))
                assert (await socket.said())["type"] == "next"
            other.send(subscribe("b", SILENCE))
            heard = await other.said()
            assert (heard["id"], heard["type"]) == ("b", "error")
            assert heard["payload"][0]["message"] == "At most 2 subscriptions can run per user. Try again later."
            assert heard["payload"][0]["extensions"] == {"code": "OVERLOADED", "retryAfter": 5}
            # A query is none, and another user has room.
            other.send(subscribe("c", "{ hello }"))
            assert (await other.said())["type"] == "next"
            of_bob = await signed_in(stack, served, "bob")
            of_bob.send(subscribe("a", SILENCE))
            assert (await of_bob.said())["type"] == "next"
            one.send(message(type="complete", id="a"))
            await served.toy.listeners(2)
            assert (await other.said())["type"] == "complete"
            other.send(subscribe("d", SILENCE))
            assert (await other.said())["id"] == "d"

    async def test_full_process_is_told_by_an_error(self) -> None:
        async with serving(max_subscriptions=1) as served, AsyncExitStack() as stack:
            alice = await signed_in(stack, served, "alice")
            bob = await signed_in(stack, served, "bob")
            alice.send(subscribe("a", SILENCE))
            assert (await alice.said())["type"] == "next"
            bob.send(subscribe("a", SILENCE))
            assert (await bob.said())["payload"][0]["extensions"]["code"] == "OVERLOADED"


class TestHostile:
    """What is sent to do harm: it ends, it stays bounded, and others are served meanwhile."""

    async def test_thousand_sockets_that_never_begin_leave_room_for_a_user(self) -> None:
        async with serving(max_sockets_per_address=2_000) as served, AsyncExitStack() as stack:
            statuses = [await self._knock(stack, served) for _ in range(1_000)]
            assert statuses.count(101) == 100
            assert statuses.count(429) == 900
            assert len(served.sockets) == 100
            # From the same address only who had shown a token before; from HTTP everybody.
            async with connected(served) as raw:
                assert await raw.ask(post()) == {"data": {"hello": "Hello, world!"}}

    async def _knock(self, stack: AsyncExitStack, served: Served) -> int:
        raw = await stack.enter_async_context(connected(served))
        raw.send(upgrade())
        answer = await raw.reader.readuntil(b"\r\n\r\n")
        return int(answer.split()[1])

    async def test_flood_of_operations_is_slowed_down_and_loses_nothing(self) -> None:
        async with serving(max_messages_per_second=2_000) as served, AsyncExitStack() as stack:
            flooding = await signed_in(stack, served, "alice")
            other = await signed_in(stack, served, "bob")
            count = 10_000
            async with sending(flooding, (subscribe(str(n), SILENCE) for n in range(count))):
                types = [(await flooding.said())["type"] for _ in range(count)]
            assert types.count("next") == 20
            assert types.count("error") == count - 20
            other.send(subscribe("a", "{ hello }"))
            assert (await other.said())["payload"] == {"data": {"hello": "Hello, world!"}}
            assert served.toy.listening == 20

    async def test_beginnings_and_ends_in_turn_leave_nothing_behind(self) -> None:
        async with serving(max_messages_per_second=100_000) as served, AsyncExitStack() as stack:
            socket = await signed_in(stack, served, "alice")
            exchanges = (subscribe("a", SILENCE) + message(type="complete", id="a") for _ in range(2_000))
            async with sending(socket, (*exchanges, frame(b"last", PING))):
                while await socket.heard() != (PONG, b"last"):
                    pass
            await served.toy.listeners(0)
            assert served.toy.opened == served.toy.closed

    async def test_message_of_a_stranger_is_small(self) -> None:
        async with serving() as served, opened(served) as socket:
            socket.send(head(MEBIBYTE), b" " * 100_000)
            code, reason = await socket.closed()
            assert code == 1009
            assert "connection_init" in reason

    async def test_message_of_a_user_may_be_as_large_as_a_body(self) -> None:
        async with serving() as served, AsyncExitStack() as stack:
            socket = await signed_in(stack, served, "alice")
            text = "x" * (2 * MEBIBYTE - 100)
            socket.send(message(type="ping", payload={"text": text}))
            assert (await socket.said())["payload"] == {"text": text}
            socket.send(head(2 * MEBIBYTE + 1))
            assert (await socket.closed())[0] == 1009

    async def test_pieces_without_content_are_bounded(self) -> None:
        async with serving() as served, AsyncExitStack() as stack:
            socket = await signed_in(stack, served, "alice")
            socket.send(frame(b"{", TEXT, final=False))
            empty = frame(b"", CONTINUATION, final=False) * 10_000
            async with sending(socket, (empty for _ in range(200))):
                assert (await socket.closed())[0] == 1009

    async def test_message_in_many_pieces_is_read_whole(self) -> None:
        async with serving() as served, AsyncExitStack() as stack:
            socket = await signed_in(stack, served, "alice")
            text = orjson.dumps({"type": "ping", "payload": {"text": "y" * 5_000}})
            socket.send(frame(text[:1], TEXT, final=False))
            socket.send(*(frame(text[n : n + 1], CONTINUATION, final=False) for n in range(1, len(text))))
            socket.send(frame(b"", CONTINUATION))
            assert (await socket.said())["payload"] == {"text": "y" * 5_000}

    async def test_pings_are_answered_no_faster_than_they_may_come(self) -> None:
        async with serving(max_messages_per_second=1) as served, AsyncExitStack() as stack:
            socket = await signed_in(stack, served, "alice")
            other = await signed_in(stack, served, "bob")
            socket.send(*(frame(str(n).encode(), PING) for n in range(10)))
            assert [await socket.heard() for _ in range(1)] == [(PONG, b"0")]
            # It now waits, with the rest unread. That holds up nobody else, nor the end of its own session.
            other.send(message(type="ping"))
            assert await other.said() == {"type": "pong"}
            served.sockets.revoke(PHONE)
            assert (await socket.closed())[0] == 4403

    async def test_what_is_no_http_is_not_quoted(self) -> None:
        async with serving() as served, connected(served) as raw:
            raw.send(frame(b"", PING) * 4_000)
            status, _, body = await raw.answer()
            (error,) = orjson.loads(body)["errors"]
            assert (status, error["message"]) == (400, "The request is not valid HTTP.")

    async def test_memory_stays_bounded_under_all_of_it(self) -> None:
        process = psutil.Process()
        async with serving(max_sockets_per_user=1_000, max_messages_per_second=100_000) as served:
            before = process.memory_info().rss
            async with AsyncExitStack() as stack:
                flooding = await signed_in(stack, served, "alice")
                for _ in range(100):
                    stranger = await stack.enter_async_context(opened(served))
                    stranger.send(head(2 * MEBIBYTE), b" " * (2 * MEBIBYTE - 1))
                pings = frame(b"", PING) * 10_000
                async with sending(flooding, (pings for _ in range(100))):
                    for _ in range(1_000):
                        await flooding.heard()
                await until_gone(served, left=1)
                assert process.memory_info().rss - before < 100 * MEBIBYTE


@asynccontextmanager
async def sending(socket: RawSocket, pieces: Iterable[bytes]) -> AsyncIterator[None]:
    """Send these beside, as the other side takes them, for as long as the block runs."""

    async def send() -> None:
        for piece in pieces:
            socket.send(piece)
            await socket.raw.writer.drain()

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_places_of_a_user_and_of_a_stranger_are_given_back_once() -> None:
    admission = Admission(Options(max_sockets_per_user=1))
    alice = UUID(int=1)
    with admission.seat(Client("192.0.2.1", None)) as one:
        one.sign_in(alice)
        with admission.seat(Client("192.0.2.1", None)) as two:
            with pytest.raises(NoRoom):
                two.sign_in(alice)
            assert two.user_id is None
            with two.subscription(), one.subscription():
                assert not admission.is_empty
    assert admission.is_empty
