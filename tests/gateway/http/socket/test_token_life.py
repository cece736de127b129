"""A socket outlives the token that opened it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.gateway.http.clients.socket_client import SocketClient, connected
from tests.gateway.toy import ALICE, BOB, LAPTOP, PHONE, ManualClock, Served, serving

MINUTES = 60


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def served(clock: ManualClock) -> AsyncIterator[Served]:
    async with serving(clock=clock) as served:
        start = clock.now()
        served.tokens.add("first", ALICE, PHONE, start + timedelta(minutes=10))
        served.tokens.add("second", ALICE, PHONE, start + timedelta(minutes=20))
        served.tokens.add("other session", ALICE, LAPTOP, start + timedelta(minutes=20))
        served.tokens.add("other user", BOB, PHONE, start + timedelta(minutes=20))
        yield served


async def sign_in(client: SocketClient, token: str) -> None:
    await client.init({"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(
    "payload",
    [
        {"Authorization": "Bearer first"},
        {"authorization": "bearer first"},
        {"headers": {"Authorization": "Bearer first"}},
        {"headers": {"authorization": "Bearer  first "}},
        {"accessToken": "first"},
    ],
)
async def test_token_is_found_wherever_clients_put_it(served: Served, payload: dict[str, Any]) -> None:
    async with connected(served) as client:
        await client.init(payload)
        await client.subscribe("{ caller }")
        assert (await client.heard())["payload"] == {"data": {"caller": "1 00:10"}}


@pytest.mark.parametrize("payload", [None, {}, {"headers": None}, {"headers": "none"}, {"Authorization": None}])
async def test_without_a_token_the_client_is_anonymous(served: Served, payload: Any) -> None:
    async with connected(served) as client:
        await client.init(payload)
        await client.subscribe("{ caller }")
        assert (await client.heard())["payload"] == {"data": {"caller": None}}


@pytest.mark.parametrize(
    "payload",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic first"},
        {"Authorization": "Bearer "},
        {"Authorization": 5},
        {"Authorization": ""},
        {"accessToken": ["first"]},
        {"accessToken": ""},
    ],
)
async def test_bad_token_closes_with_4403(served: Served, payload: Any) -> None:
    async with connected(served) as client:
        await client.say({"type": "connection_init", "payload": payload})
        code, reason = await client.closed()
        assert code == 4403
        assert reason


async def test_client_is_warned_a_minute_before_the_end(served: Served, clock: ManualClock) -> None:
    async with connected(served) as client:
        await sign_in(client, "first")
        clock.advance(9 * MINUTES - 1)
        await client.say({"type": "ping"})
        assert await client.heard() == {"type": "pong"}
        clock.advance(1)
        assert await client.heard() == {
            "type": "ping",
            "payload": {"event": "token-expiring", "expiresAt": "2030-01-01T00:10:00+00:00"},
        }


async def test_short_life_is_warned_of_at_its_half(served: Served, clock: ManualClock) -> None:
    served.tokens.add("short", ALICE, PHONE, clock.now() + timedelta(seconds=30))
    async with connected(served) as client:
        await sign_in(client, "short")
        clock.advance(15)
        assert (await client.heard())["payload"]["event"] == "token-expiring"


async def test_socket_closes_with_its_token(served: Served, clock: ManualClock) -> None:
    async with connected(served) as client:
        await sign_in(client, "first")
        await client.subscribe("subscription { silence }")
        await client.heard()
        clock.advance(9 * MINUTES)
        assert (await client.heard())["payload"]["event"] == "token-expiring"
        clock.advance(MINUTES)
        assert await client.closed() == (4403, "token expired: reconnect with a new one")
        await served.toy.listeners(0)
    assert clock.pending == 0


async def test_token_is_renewed_without_a_break(served: Served, clock: ManualClock) -> None:
    async with connected(served) as client:
        await sign_in(client, "first")
        await client.subscribe("subscription { callers }")
        await served.toy.listeners(1)
        served.toy.wake.set()
        assert (await client.heard())["payload"]["data"] == {"callers": "1 00:10"}

        await client.say({"type": "ping", "payload": {"authorization": "Bearer second"}})
        assert await client.heard() == {
            "type": "pong",
            "payload": {"event": "token-renewed", "expiresAt": "2030-01-01T00:20:00+00:00"},
        }
        clock.advance(15 * MINUTES)
        served.toy.wake.set()
        assert (await client.heard())["payload"]["data"] == {"callers": "1 00:20"}

        clock.advance(4 * MINUTES)
        assert (await client.heard())["payload"]["event"] == "token-expiring"
        clock.advance(MINUTES)
        assert (await client.closed())[0] == 4403


@pytest.mark.parametrize("token", ["other session", "other user", "wrong"])
async def test_token_of_another_session_or_user_closes_with_4403(served: Served, token: str) -> None:
    async with connected(served) as client:
        await sign_in(client, "first")
        await client.say({"type": "ping", "payload": {"authorization": f"Bearer {token}"}})
        assert (await client.closed())[0] == 4403


async def test_anonymous_socket_has_nothing_to_renew(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.say({"type": "ping", "payload": {"authorization": "Bearer first"}})
        assert (await client.closed())[0] == 4403


async def test_token_before_the_handshake_closes_with_4401(served: Served) -> None:
    async with connected(served) as client:
        await client.say({"type": "ping", "payload": {"authorization": "Bearer first"}})
        assert (await client.closed())[0] == 4401


async def test_revoked_session_loses_its_sockets_and_no_other(served: Served) -> None:
    async with connected(served) as revoked, connected(served) as kept, connected(served) as anonymous:
        await sign_in(revoked, "first")
        await kept.init({"accessToken": "other session"})
        await anonymous.init()
        await revoked.subscribe("subscription { silence }")
        await revoked.heard()
        assert served.sockets.revoke(PHONE) == 1
        assert await revoked.closed() == (4403, "signed out")
        await served.toy.listeners(0)
        for client in (kept, anonymous):
            await client.say({"type": "ping"})
            assert await client.heard() == {"type": "pong"}
