"""GraphQL over HTTP, as the specification and as bad clients have it, over real connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
import pytest

from tests.gateway.http.clients.json_client import GRAPHQL, post
from tests.gateway.toy import ALICE, PHONE, Served, serving


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        served.tokens.add("good", ALICE, PHONE, datetime(2030, 1, 1, tzinfo=UTC))
        yield served


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_query_is_answered(http: aiohttp.ClientSession, served: Served) -> None:
    status, answer, response = await post(
        http,
        served,
        {
            "query": "query A { hello } query B($of: Int!) { double(of: $of) }",
            "operationName": "B",
            "variables": {"of": 21},
        },
    )
    assert (status, answer) == (200, {"data": {"double": 42}})
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", [None, ""])
async def test_empty_operation_name_is_none(http: aiohttp.ClientSession, served: Served, name: str | None) -> None:
    one = {"query": "query A { hello }", "operationName": name}
    assert (await post(http, served, one))[1] == {"data": {"hello": "Hello, world!"}}
    _, answer, _ = await post(http, served, {**one, "query": "query A { hello } query B { hello }"})
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_path_may_end_with_a_slash(http: aiohttp.ClientSession, served: Served) -> None:
    for send in (http.post(f"{served.url}/", json={"query": "{ hello }"}), http.get(f"{served.url}/?query={{hello}}")):
        async with send as response:
            assert await response.json() == {"data": {"hello": "Hello, world!"}}
    async with http.ws_connect(f"{served.url}/", protocols=["graphql-transport-ws"]) as socket:
        await socket.send_json({"type": "connection_init"})
        assert (await socket.receive_json())["type"] == "connection_ack"


async def test_mutation_is_run(http: aiohttp.ClientSession, served: Served) -> None:
    _, answer, _ = await post(http, served, {"query": 'mutation { write(text: "by post") }'})
    assert answer == {"data": {"write": "by post"}}
    assert served.toy.written[-1] == "by post"


async def test_query_is_answered_over_get(http: aiohttp.ClientSession, served: Served) -> None:
    params = {"query": "query ($of: Int!) { double(of: $of) }", "variables": '{"of": 2}', "operationName": ""}
    async with http.get(served.url, params=params) as response:
        assert await response.json() == {"data": {"double": 4}}


@pytest.mark.parametrize(
    ("params", "status", "named"),
    [
        ({}, 400, "`query` is missing"),
        ({"query": ""}, 400, "`query` is missing"),
        ({"query": "{ hello }", "variables": "{"}, 400, "`variables` is not valid JSON"),
        ({"query": "{ hello }", "variables": "[]"}, 400, "`variables` must be an object"),
        ({"query": "{ hello }", "extensions": "1"}, 400, "`extensions` must be an object"),
        ([("query", "{ hello }"), ("query", "{ node { id } }")], 400, "more than once"),
        ({"query": 'mutation { write(text: "x") }'}, 405, "POST"),
        ({"query": "subscription { silence }"}, 400, "graphql-transport-ws"),
    ],
)
async def test_get_that_cannot_be_answered(
    http: aiohttp.ClientSession, served: Served, params: Any, status: int, named: str
) -> None:
    before = len(served.toy.written)
    async with http.get(served.url, params=params) as response:
        assert response.status == status
        assert named in (await response.json())["errors"][0]["message"]
        assert response.headers.get("Allow") == ("POST" if status == 405 else None)
    assert len(served.toy.written) == before


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_not_allowed(http: aiohttp.ClientSession, served: Served, method: str) -> None:
    async with http.request(method, served.url, params={"query": "{ hello }"}) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, POST, OPTIONS"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON; charset=utf-8", "application/json"),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, application/json", GRAPHQL),
        (f"application/json, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, application/json", "application/json"),
        (f"{GRAPHQL}; charset=utf-8; q=0.9, application/json; q=0.8", GRAPHQL),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("application/json;q=0, */*", GRAPHQL),
        ("text/html", None),
        ("application/json;q=0", None),
        ("application/json;q=high", None),
        (",;,=", None),
    ],
)
async def test_media_type_is_negotiated(served: Served, accept: str | None, chosen: str | None) -> None:
    skipped = ["Accept"] if accept is None else []
    headers = {} if accept is None else {"Accept": accept}
    async with (
        aiohttp.ClientSession(skip_auto_headers=skipped) as http,
        http.post(served.url, json={"query": "{ hello }"}, headers=headers) as response,
    ):
        if chosen is None:
            assert response.status == 406
            assert "errors" in await response.json()
        else:
            assert (response.status, response.content_type) == (200, chosen)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": ""}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ hello }", "operationName": "Other"}, "BAD_REQUEST"),
        ({"query": "query ($of: Int!) { double(of: $of) }"}, "BAD_REQUEST"),
        ({"query": "query ($of: Int!) { double(of: $of) }", "variables": {"of": "x"}}, "BAD_REQUEST"),
        ({"query": "query ($any: JSON) { echo(any: $any) }", "variables": {"any": "\0"}}, "BAD_REQUEST"),
    ],
)
async def test_refused_document_has_the_status_of_its_media_type(
    http: aiohttp.ClientSession, served: Served, body: Any, code: str
) -> None:
    for accept, expected in ((GRAPHQL, 400), ("application/json", 200)):
        status, answer, _ = await post(http, served, body, {"Accept": accept})
        assert status == expected
        assert "data" not in answer
        assert answer["errors"][0]["extensions"]["code"] == code


async def test_failed_field_is_an_error_beside_data(http: aiohttp.ClientSession, served: Served) -> None:
    status, answer, _ = await post(http, served, {"query": "{ hello boom }"}, {"Accept": GRAPHQL})
    assert status == 200
    assert answer["data"] == {"hello": "Hello, world!", "boom": None}
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert b"secret" not in orjson.dumps(answer)


async def test_token_tells_who_is_calling(http: aiohttp.ClientSession, served: Served) -> None:
    body = {"query": "{ caller }"}
    assert (await post(http, served, body))[1] == {"data": {"caller": None}}
    _, answer, _ = await post(http, served, body, {"Authorization": "Bearer good", "User-Agent": "test"})
    assert answer == {"data": {"caller": "1 00:00"}}
    assert served.toy.clients[-1].address == "127.0.0.1"
    assert served.toy.clients[-1].user_agent == "test"


@pytest.mark.parametrize("authorization", ["Bearer bad", "Bearer", "Bearer  ", "Basic Z29vZA==", "good", ""])
async def test_bad_token_is_unauthorized(http: aiohttp.ClientSession, served: Served, authorization: str) -> None:
    for accept in (GRAPHQL, "application/json"):
        headers = {"Authorization": authorization, "Accept": accept}
        status, answer, response = await post(http, served, {"query": "{ hello }"}, headers)
        assert status == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_busy_gateway_says_when_to_come_back(http: aiohttp.ClientSession, served: Served) -> None:
    served.toy.busy = True
    try:
        status, answer, response = await post(http, served, {"query": "{ hello }"})
    finally:
        served.toy.busy = False
    assert (status, response.headers["Retry-After"]) == (503, "1")
    assert answer["errors"][0]["extensions"]["code"] == "OVERLOADED"


async def test_subscription_over_http_names_the_websocket(http: aiohttp.ClientSession, served: Served) -> None:
    status, answer, _ = await post(http, served, {"query": "subscription { silence }"})
    assert status == 400
    assert "graphql-transport-ws" in answer["errors"][0]["message"]


async def test_every_context_is_released(http: aiohttp.ClientSession, served: Served) -> None:
    await post(http, served, {"query": "{ boom nodes { broken } }"})
    assert served.toy.opened == served.toy.closed


async def test_address_is_believed_as_far_as_our_own_proxies_go() -> None:
    async with serving(trusted_proxies=1) as served, aiohttp.ClientSession() as http:
        forwarded = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7"}
        async with http.post(served.url, json={"query": "{ hello }"}, headers=forwarded) as response:
            assert response.status == 200
        assert served.toy.clients[-1].address == "203.0.113.7"
