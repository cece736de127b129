"""Sockets and event streams of the real gateway: what ends them on whichever node they are, and how they resume."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.kit.database import Database
from tests.kit.serving import PATIENCE_SECONDS, Client, Serving, serving_on, short_lived_token

ADDED = "subscription ($after: Cursor) { messageAdded(after: $after) { cursor message { content } } }"
READY = {"ready": True}

Event = tuple[str | None, Any]


@pytest.fixture(scope="module")
async def nodes(database: Database) -> AsyncIterator[tuple[Serving, Serving]]:
    """Two gateways on one database, with the same keys."""
    with tempfile.TemporaryDirectory() as directory:
        async with (
            serving_on(database, Path(directory)) as one,
            serving_on(database, Path(directory)) as other,
        ):
            yield one, other


@pytest.fixture
async def here(nodes: tuple[Serving, Serving]) -> Client:
    """A new user, on one node."""
    return await nodes[0].signed_up()


@pytest.fixture
async def there(nodes: tuple[Serving, Serving], here: Client) -> Client:
    """The same session on the other node."""
    return Client(nodes[1].http, nodes[1].url, nodes[1].statements, here.token, here.refresh_token, here.user_id)


@asynccontextmanager
async def stream(
    client: Client, last: str | None = None, query: str = ADDED, **members: Any
) -> AsyncIterator[AsyncIterator[Event]]:
    """The events of a stream, by their ids; what a comment says comes as an event without one."""
    headers = {**client.headers, "Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
    body = {"query": query, **members}
    async with client.http.post(f"{client.url}/graphql", json=body, headers=headers) as response:
        assert response.status == 200, await response.text()
        yield events(response)


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    found: dict[str, str] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for line in response.content:
            name, _, value = line.decode().rstrip("\n").partition(":")
            if name:
                found[name] = value.strip()
            elif value:
                yield None, value.strip()
            elif found:
                yield found.get("id"), orjson.loads(found["data"]) if found["data"] else found["event"]
                found = {}


async def ready(answers: AsyncIterator[Event]) -> str:
    """The cursor that a stream begins at."""
    id, answer = await anext(answers)
    assert answer == {"data": None, "extensions": {"ready": {"cursor": id}}}
    assert id is not None
    return id


async def said(user: Client, conversation: str, content: str) -> None:
    await user.make("addMessage", "message", conversationId=conversation, role="USER", content=content)


async def begun(user: Client) -> str:
    id: str = (await user.make("createConversation", "conversation"))["id"]
    return id


def content_of(event: Event) -> tuple[str, str]:
    """What was said, and whether the id is the event's cursor."""
    id, answer = event
    added = answer["data"]["messageAdded"]
    return added["message"]["content"], "its cursor" if added["cursor"] == id else f"{id} for {added['cursor']}"


class TestStreams:
    """Server-sent events on the feed."""

    async def test_events_carry_their_cursor_as_id_and_resume_after_it_on_another_node(
        self, here: Client, there: Client
    ) -> None:
        to = await begun(here)
        async with stream(here, extensions=READY) as answers:
            await ready(answers)
            for content in ("one", "two"):
                await said(here, to, content)
                event = await anext(answers)
                assert content_of(event) == (content, "its cursor")
        last = event[0]
        await said(here, to, "missed")
        async with stream(there, last) as answers:
            assert content_of(await anext(answers)) == ("missed", "its cursor")
            await said(here, to, "live")
            assert content_of(await anext(answers)) == ("live", "its cursor")

    async def test_last_event_id_takes_the_place_of_after(self, here: Client) -> None:
        to = await begun(here)
        start = (await here.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        await said(here, to, "one")
        await said(here, to, "two")
        async with stream(here, variables={"after": start}) as answers:
            id, _ = await anext(answers)
        # As a client asks that comes back with the request that it began with.
        async with stream(here, id, variables={"after": start}) as answers:
            assert content_of(await anext(answers)) == ("two", "its cursor")

    async def test_changes_of_all_types_resume_on_another_node(self, here: Client, there: Client) -> None:
        operation = """
            subscription ($after: Cursor, $types: [String!]) {
              changes(after: $after, types: $types) { cursor entity node { ... on Message { content } } }
            }
        """
        start = (await here.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        to = await begun(here)
        await said(here, to, "one")
        async with stream(here, query=operation, variables={"after": start}) as answers:
            found = [await anext(answers) for _ in range(3)]
        assert [answer["data"]["changes"]["entity"] for _, answer in found] == [*["Conversation"] * 2, "Message"]
        assert [id for id, _ in found] == [answer["data"]["changes"]["cursor"] for _, answer in found]
        await said(here, to, "missed")
        async with stream(there, found[-1][0], operation, variables={"types": ["Message"]}) as answers:
            _, answer = await anext(answers)
            assert answer["data"]["changes"]["node"] == {"content": "missed"}

    async def test_ready_is_a_place_to_come_back_to(self, here: Client) -> None:
        to = await begun(here)
        async with stream(here, extensions=READY) as answers:
            start = await ready(answers)
        await said(here, to, "missed")
        async with stream(here, start) as answers:
            assert content_of(await anext(answers)) == ("missed", "its cursor")

    @pytest.mark.parametrize(("last", "code"), [("1.999999", "RESYNC"), ("nonsense", "BAD_REQUEST")])
    async def test_id_that_cannot_be_continued_from_ends_the_stream(self, here: Client, last: str, code: str) -> None:
        async with stream(here, last) as answers:
            id, answer = await anext(answers)
            assert (id, answer["errors"][0]["extensions"]["code"]) == (None, code)
            assert await anext(answers) == (None, "complete")
            assert await anext(answers, None) is None

    async def test_stranger_gets_no_events(self, nodes: tuple[Serving, Serving]) -> None:
        async with stream(nodes[0].anonymous()) as answers:
            _, answer = await anext(answers)
            assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            assert await anext(answers) == (None, "complete")


class TestEnds:
    """What ends a session ends what it has open, on every node; each comes with a reason."""

    async def test_sign_out_ends_sockets_and_streams_on_every_node(self, here: Client, there: Client) -> None:
        async with here.socket() as own, there.socket() as other, stream(there, extensions=READY) as answers:
            await own.subscribe(ADDED)
            await other.subscribe(ADDED)
            await ready(answers)
            await here.mutate("signOut")
            for socket in (own, other):
                frame = await socket.connection.receive(timeout=PATIENCE_SECONDS)
                assert (frame.type, frame.data, frame.extra) == (aiohttp.WSMsgType.CLOSE, 4403, "signed out")
            assert await anext(answers) == (None, "4403 signed out")
            assert await anext(answers, None) is None
        async with there.http.post(
            f"{there.url}/graphql", json={"query": ADDED}, headers={**there.headers, "Accept": "text/event-stream"}
        ) as response:
            assert response.status == 401

    async def test_token_that_ends_ends_sockets_and_streams(self, nodes: tuple[Serving, Serving], here: Client) -> None:
        here.token = await short_lived_token(nodes[0], here)
        async with here.socket() as socket, stream(here, extensions=READY) as answers:
            await ready(answers)
            await socket.subscribe(ADDED)
            warning = await socket.connection.receive_json(timeout=PATIENCE_SECONDS)
            assert warning["payload"]["event"] == "token-expiring"
            frame = await socket.connection.receive(timeout=PATIENCE_SECONDS)
            assert (frame.data, frame.extra) == (4403, "token expired: reconnect with a new one")
            _, reason = await anext(answers)
            assert reason.startswith("4403 token expired")
            assert await anext(answers, None) is None
