"""The operations of one socket: side by side under their ids, each with an end of its own, and not too many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.gateway.http.clients.socket_client import SocketClient, connected
from tests.gateway.toy import Served, serving

SILENCE = "subscription { silence }"


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def test_operations_run_side_by_side(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe(SILENCE, id="silent")
        await client.heard()
        await client.subscribe("{ hello }", id="quick")
        assert [(await client.heard())["id"] for _ in range(2)] == ["quick", "quick"]
        await client.complete("silent")
    await served.toy.listeners(0)


async def test_complete_runs_the_finally_of_the_source(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe(SILENCE)
        await client.heard()
        assert served.toy.listening == 1
        await client.complete()
        await served.toy.listeners(0)
        await client.subscribe("{ hello }")
        assert (await client.heard())["payload"]["data"]["hello"]


async def test_complete_of_an_unknown_id_is_ignored(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.complete("nothing of that name")
        await client.say({"type": "ping"})
        assert await client.heard() == {"type": "pong"}


async def test_invalid_operation_is_an_error_and_the_socket_goes_on(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe("{ nothing }")
        heard = await client.heard()
        assert (heard["id"], heard["type"]) == ("1", "error")
        assert heard["payload"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        await client.subscribe("{ hello }")
        assert (await client.heard())["type"] == "next"


@pytest.mark.parametrize(
    ("field", "before", "code"),
    [("refused", 0, "UNAUTHENTICATED"), ("resync", 1, "RESYNC"), ("failing", 1, "INTERNAL")],
)
async def test_source_that_fails_ends_the_operation_with_its_error(
    served: Served, field: str, before: int, code: str
) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe(f"subscription {{ {field} }}")
        for _ in range(before):
            assert (await client.heard())["type"] == "next"
        heard = await client.heard()
        assert heard["type"] == "error"
        assert heard["payload"][0]["extensions"]["code"] == code
        assert "secret" not in heard["payload"][0]["message"]
        await client.say({"type": "ping"})
        assert await client.heard() == {"type": "pong"}


async def test_id_in_use_closes_with_4409_and_stops_all(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe(SILENCE, id="a")
        await client.heard()
        await client.subscribe("{ hello }", id="a")
        assert await client.closed() == (4409, "Subscriber for a already exists")
    await served.toy.listeners(0)


async def test_id_may_be_used_again_once_its_operation_is_over(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        for _ in range(50):
            await client.subscribe("{ hello }")
            assert [(await client.heard())["type"] for _ in range(2)] == ["next", "complete"]


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        ({}, "`query` is missing"),
        ({"query": None}, "`query` is missing"),
        ({"query": 1}, "`query` must be a string"),
        ({"query": "{ hello }", "variables": []}, "`variables` must be an object or null"),
        ({"query": "{ hello }", "operationName": 1}, "`operationName` must be a string or null"),
        ({"query": "{ hello }", "extensions": 1}, "`extensions` must be an object or null"),
        ({"documentId": "x"}, "`documentId` must be"),
        ({"extensions": {"persistedQuery": {"version": 2}}}, "`extensions.persistedQuery.version`"),
    ],
)
async def test_request_that_cannot_be_read_ends_its_operation_and_the_socket_goes_on(
    served: Served, payload: dict[str, Any], named: str
) -> None:
    async with connected(served) as client:
        await client.init()
        await client.subscribe(SILENCE, id="other")
        await client.heard()
        await client.say({"type": "subscribe", "id": "1", "payload": payload})
        heard = await client.heard()
        assert (heard["id"], heard["type"]) == ("1", "error")
        (error,) = heard["payload"]
        assert named in error["message"]
        assert error["extensions"]["code"] == "BAD_REQUEST"
        await client.subscribe("{ hello }", id="1")
        assert (await client.heard())["payload"] == {"data": {"hello": "Hello, world!"}}
        assert served.toy.listening == 1


WAIT = "{ wait }"


@pytest.mark.parametrize(("kind", "other"), [(SILENCE, WAIT), (WAIT, SILENCE)], ids=["subscriptions", "queries"])
async def test_socket_full_of_one_kind_refuses_one_more_and_has_room_for_the_other(kind: str, other: str) -> None:
    async with (
        serving(max_subscriptions_per_socket=2, max_answers_per_socket=2) as served,
        connected(served) as client,
    ):
        await client.init()
        for id in ("a", "b"):
            await client.subscribe(kind, id=id)
            await _began(client, kind)
        await served.toy.listeners(2)
        await client.subscribe(kind, id="c")
        heard = await client.heard()
        assert (heard["id"], heard["type"]) == ("c", "error")
        assert heard["payload"][0]["extensions"]["code"] == "OVERLOADED"
        await client.subscribe(other, id="d")
        await _began(client, other)
        await served.toy.listeners(3)
        await client.complete("a")
        await served.toy.listeners(2)
        await client.subscribe(kind, id="c")
        await _began(client, kind)
        await served.toy.listeners(3)


async def _began(client: SocketClient, query: str) -> None:
    """A subscription to `silence` begins with an event."""
    if query == SILENCE:
        assert (await client.heard())["type"] == "next"


async def test_all_operations_may_be_exchanged_at_once() -> None:
    async with serving(max_subscriptions_per_socket=5) as served, connected(served) as client:
        await client.init()
        for round in range(3):
            for number in range(5):
                await client.subscribe(SILENCE, id=f"{round}-{number}")
            assert {(await client.heard())["type"] for _ in range(5)} == {"next"}
            for number in range(5):
                await client.complete(f"{round}-{number}")
        await served.toy.listeners(0)


async def test_busy_gateway_refuses_the_operation_alone() -> None:
    async with serving() as served, connected(served) as client:
        await client.init()
        served.toy.busy = True
        for query in ("{ hello }", SILENCE):
            await client.subscribe(query)
            heard = await client.heard()
            assert heard["type"] == "error"
            assert heard["payload"][0]["extensions"]["code"] == "OVERLOADED"
