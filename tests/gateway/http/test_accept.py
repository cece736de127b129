"""Which media type answers: what stock clients send as `Accept`, by each way that a request can go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from gateway.http.answer import Events, events_accepted
from tests.gateway.http.clients.event_client import EventClient
from tests.gateway.http.clients.raw_client import chunked, connected, idle, post
from tests.gateway.toy import Served, serving

JSON, GRAPHQL, EVENTS = "application/json", "application/graphql-response+json", "text/event-stream"

CLIENTS = {
    "curl": ("*/*", JSON, None),
    "nothing": (None, JSON, None),
    "Relay": ("application/json", JSON, None),
    "Relay, specified": (
        "application/graphql-response+json; charset=utf-8, application/json",
        GRAPHQL,
        None,
    ),
    "urql": (
        "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, "
        "multipart/mixed",
        GRAPHQL,
        EVENTS,
    ),
    "urql, subscription": ("text/event-stream, multipart/mixed", EVENTS, EVENTS),
    "Apollo 3": ("*/*", JSON, None),
    "Apollo 4": ("application/graphql-response+json,application/json;q=0.9", GRAPHQL, None),
    "Apollo, @defer": (
        "multipart/mixed;deferSpec=20220824,application/graphql-response+json,application/json;q=0.9",
        GRAPHQL,
        None,
    ),
    "Apollo, subscription": ("multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json", JSON, None),
    "Apollo, quoted boundary": ('multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json', JSON, None),
    "graphql-sse": (EVENTS, EVENTS, EVENTS),
    "EventSource": ("text/event-stream", EVENTS, EVENTS),
    "GraphiQL": ("application/json, multipart/mixed", JSON, None),
    "JSON first": ("application/json, text/event-stream;q=0.1", JSON, EVENTS),
    "events first": ("text/event-stream, application/json;q=0.1", JSON, EVENTS),
    "events, anything": ("text/event-stream, */*;q=0.1", JSON, EVENTS),
    "browser": ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON, None),
}
"""By the client: what it accepts, the media type of a single answer, and that of a subscription if it has one."""

QUERY = "{ hello }"
COUNT = "subscription { count(to: 2) }"


def get(body: bytes, *headers: str) -> bytes:
    """The same request with its members in the URL."""
    parameters = "&".join(f"{name}={quote(value)}" for name, value in orjson.loads(body).items())
    return "\r\n".join((f"GET /graphql?{parameters} HTTP/1.1", "Host: gateway", *headers, "", "")).encode()


WAYS: dict[str, Callable[..., bytes]] = {"the short way": post, "in chunks": chunked, "in the URL": get}

by_client = pytest.mark.parametrize("client", CLIENTS)
by_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


async def answered(served: Served, way: str, client: str, **members: str) -> EventClient:
    """The answer to a request that comes on a connection for the second time; a stream is left to be read."""
    accept = CLIENTS[client][0]
    request = WAYS[way](orjson.dumps(members), *([] if accept is None else [f"Accept: {accept}"]))
    for last in (False, True):
        async with connected(served) as raw:
            await idle(served)
            raw.send(request)
            answer = EventClient(raw)
            await answer.read_head()
            if last:
                answer.said = await read_all(answer)
    return answer


async def read_all(answer: EventClient) -> list[Any]:
    if not answer.headers["Content-Type"].startswith(EVENTS):
        return [orjson.loads(await answer.raw.reader.readexactly(int(answer.headers["Content-Length"])))]
    said = []
    while (event := await answer.event())[0] != "complete":
        said.append(event[2])
    return said


@by_way
@by_client
async def test_query_is_answered_by_json_unless_only_events_are_accepted(served: Served, client: str, way: str) -> None:
    answer = await answered(served, way, client, query=QUERY)
    assert (answer.status, answer.headers["Content-Type"]) == (200, f"{CLIENTS[client][1]}; charset=utf-8")
    assert answer.said == [{"data": {"hello": "Hello, world!"}}]


@pytest.mark.parametrize("way", ["the short way", "in chunks"])
@by_client
async def test_mutation_runs_once_and_is_answered_like_a_query(served: Served, client: str, way: str) -> None:
    before = len(served.toy.written)
    answer = await answered(served, way, client, query='mutation { write(text: "x") }')
    assert answer.headers["Content-Type"] == f"{CLIENTS[client][1]}; charset=utf-8"
    assert answer.said == [{"data": {"write": "x"}}]
    assert len(served.toy.written) == before + 2


@by_way
@by_client
async def test_subscription_is_answered_by_events_wherever_they_are_accepted(
    served: Served, client: str, way: str
) -> None:
    answer = await answered(served, way, client, query=COUNT)
    if CLIENTS[client][2] is None:
        (said,) = answer.said
        assert answer.status == 400
        assert "accept text/event-stream" in said["errors"][0]["message"]
    else:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        assert answer.said == [{"data": {"count": 1}}, {"data": {"count": 2}}]


@by_way
@by_client
async def test_operation_that_is_refused_is_answered_like_a_query(served: Served, client: str, way: str) -> None:
    answer = await answered(served, way, client, query="subscription { nothing }")
    media_type = CLIENTS[client][1]
    assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert answer.status == (400 if media_type == GRAPHQL else 200)
    (said,) = answer.said
    assert said["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


@by_way
@by_client
async def test_request_that_cannot_be_read_is_answered_by_json(served: Served, client: str, way: str) -> None:
    answer = await answered(served, way, client, operationName="None")
    single = CLIENTS[client][1]
    assert (answer.status, answer.headers["Content-Type"]) == (
        400,
        f"{JSON if single == EVENTS else single}; charset=utf-8",
    )


@by_way
@pytest.mark.parametrize("accept", ["text/html", "multipart/mixed", "application/json;q=0", "text/event-stream;q=0"])
async def test_client_that_accepts_nothing_of_ours_is_told_what_there_is(served: Served, accept: str, way: str) -> None:
    async with connected(served) as raw:
        raw.send(WAYS[way](orjson.dumps({"query": QUERY}), f"Accept: {accept}"))
        status, headers, body = await raw.answer()
    assert (status, headers["Content-Type"]) == (406, "application/json; charset=utf-8")
    assert "ask for application/graphql-response+json or application/json" in orjson.loads(body)["errors"][0]["message"]


async def test_subscription_between_pipelined_queries_is_the_last_to_be_answered(served: Served) -> None:
    """A stream closes its connection when it ends, so what came behind it is not answered."""
    accept = f"Accept: {CLIENTS['urql'][0]}"
    query, count = (post(orjson.dumps({"query": text}), accept) for text in (QUERY, COUNT))
    async with connected(served) as raw:
        for _ in range(2):
            await idle(served)
            assert await raw.ask(query) == {"data": {"hello": "Hello, world!"}}
        await idle(served)
        raw.send(count, query)
        answer = EventClient(raw)
        await answer.read_head()
        assert await read_all(answer) == [{"data": {"count": 1}}, {"data": {"count": 2}}]


async def test_query_of_urql_takes_the_short_way(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(served) as raw:
        request = post(orjson.dumps({"query": QUERY}), f"Accept: {CLIENTS['urql'][0]}")
        await idle(served)
        await raw.ask(request)
        monkeypatch.setattr(
            "gateway.http.plain.connection.Connection._parse", lambda *_: pytest.fail("This was parsed.")
        )
        assert await raw.ask(request) == {"data": {"hello": "Hello, world!"}}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/event-stream", Events.ALWAYS),
        ("Text/Event-Stream; q=0.5", Events.ALWAYS),
        ("text/event-stream, application/json;q=0", Events.ALWAYS),
        ("text/event-stream, */*", Events.FOR_SUBSCRIPTIONS),
        ("application/json, text/event-stream;q=0.9", Events.FOR_SUBSCRIPTIONS),
        ("text/event-stream;q=0", Events.NEVER),
        ("text/*", Events.NEVER),
        ("*/*", Events.NEVER),
        ("application/json", Events.NEVER),
        ("", Events.NEVER),
        (None, Events.NEVER),
    ],
)
def test_events_are_for_those_who_name_them(accept: str | None, expected: Events) -> None:
    assert events_accepted(accept) is expected
