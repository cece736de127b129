"""Clients that others wrote, against our socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from gql import Client, GraphQLRequest, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportQueryError

from tests.gateway.toy import Served, serving


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def test_gql_over_http(served: Served) -> None:
    async with Client(transport=AIOHTTPTransport(url=served.url), fetch_schema_from_transport=True) as session:
        request = GraphQLRequest("query ($name: String) { hello(name: $name) }", variable_values={"name": "gql"})
        assert await session.execute(request) == {"hello": "Hello, gql!"}


async def test_gql_over_a_websocket(served: Served) -> None:
    transport = AIOHTTPWebsocketsTransport(url=served.url, subprotocols=["graphql-transport-ws"])
    async with Client(transport=transport) as session:
        heard = [event["count"] async for event in session.subscribe(gql("subscription { count(to: 5) }"))]
        assert heard == [1, 2, 3, 4, 5]
        assert await session.execute(gql("{ hello }")) == {"hello": "Hello, world!"}


async def test_gql_stops_a_subscription(served: Served) -> None:
    transport = AIOHTTPWebsocketsTransport(url=served.url, subprotocols=["graphql-transport-ws"])
    async with Client(transport=transport) as session:
        events = session.subscribe(gql("subscription { silence }"))
        assert await anext(events) == {"silence": 0}
        await events.aclose()
        await served.toy.listeners(0)


async def test_gql_sees_why_a_subscription_broke_off(served: Served) -> None:
    transport = AIOHTTPWebsocketsTransport(url=served.url, subprotocols=["graphql-transport-ws"])
    async with Client(transport=transport) as session:
        events = session.subscribe(gql("subscription { resync }"))
        assert await anext(events) == {"resync": 1}
        with pytest.raises(TransportQueryError) as broken:
            await anext(events)
        assert broken.value.errors is not None
        assert broken.value.errors[0]["extensions"] == {"code": "RESYNC", "feedCursor": "1.7"}
