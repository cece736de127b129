"""No operation, and no caller, takes more memory than its share, whatever the other limits would let through."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest
from yarl import URL

from tests.kit.database import Database
from tests.kit.serving import PATIENCE_SECONDS, Client, Ended, Serving, first, serving_on

MIB = 1024**2
LIMIT = 2 * MIB
MOST_MEMORY = {"breadth_first": 10 * LIMIT, "depth_first": 20 * LIMIT}
"""Python objects take several times the bytes that they came in, the response is encoded beside them, and graphql-core
has a path and an awaitable for each field.
"""
TEXT = "x" * 262_144
"""The longest content of a message."""
WIDE = 100
"""Conversations, and messages in each."""

FILL = """
    INSERT INTO conversations
        (user_id, id, title, provider, model, context_window, version, last_message_at, active_since)
    SELECT $1::uuid, uuid7(), 'wide', 'openai', 'gpt-4o-mini', 8192, n, now(), now()
    FROM generate_series(1, $2::int) AS n
"""
FILL_MESSAGES = """
    INSERT INTO messages (user_id, conversation_id, id, seq, role, content, version)
    SELECT $1::uuid, c.id, uuid7(), n, 'user', 'short', n
    FROM conversations AS c CROSS JOIN generate_series(1, $2::int) AS n
    WHERE c.user_id = $1::uuid AND c.title = 'wide'
"""


@pytest.fixture(scope="module", params=["breadth_first", "depth_first"])
async def serving(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Serving]:
    """A gateway with a small budget."""
    with tempfile.TemporaryDirectory() as directory:
        options = {"executor": request.param, "max_operation_bytes": LIMIT, "operation_seconds": 60}
        async with serving_on(database, Path(directory), **options) as made:
            yield made


@pytest.fixture(scope="module")
async def rich(serving: Serving, database: Database) -> Client:
    """A user with much of everything, and the ids of some of it."""
    user = await serving.signed_up()
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    await owner.execute("SET session_replication_role = replica")
    for statement in (FILL, FILL_MESSAGES):
        await owner.execute(statement, user.user_id, WIDE)
    await owner.close()
    return user


@pytest.fixture(scope="module")
async def large(rich: Client) -> dict[str, Any]:
    """A conversation of long messages."""
    conversation = (await rich.make("createConversation", "conversation", title="long"))["id"]
    messages = [
        await rich.make("addMessage", "message", conversationId=conversation, role="USER", content=TEXT)
        for _ in range(20)
    ]
    return {"id": conversation, "messages": [each["id"] for each in messages]}


def times(count: int, field: str) -> str:
    """A field under so many aliases."""
    return " ".join(f"a{n}: {field}" for n in range(count))


PAGE = "messages(first: 20) { nodes { content } }"
IN_LONG = "query ($id: ID!) { conversation(id: $id) { %s } }"
NAME = "k" * 25_000
MESSAGES_OF_ALL = "conversations(first: 200) { nodes { messages(first: 200) { nodes { %s } } } }"

WORST = {
    "a page of long messages": IN_LONG % PAGE,
    "a page under many aliases": IN_LONG % times(40, PAGE),
    "a small page under many aliases": IN_LONG % times(40, "messages(first: 4) { nodes { content } }"),
    "a value under many aliases": IN_LONG % f"messages(first: 1) {{ nodes {{ {times(190, 'content')} }} }}",
    "a value in many rows": IN_LONG
    % "messages(first: 20) { nodes { id conversation { messages(first: 2) { nodes { content } } } } }",
    "many small objects": "{ viewer { " + times(30, MESSAGES_OF_ALL % "id") + " } }",
    "many nulls": "{ viewer { " + times(12, MESSAGES_OF_ALL % times(5, "tokenCount")) + " } }",
    "a long name in many rows": "{ viewer { " + MESSAGES_OF_ALL % f"{NAME}: id" + " } }",
    "a long name in a page": f"{{ viewer {{ conversations(first: 200) {{ nodes {{ {NAME}: id }} }} }} }}",
    "many fields of a root": "query ($id: ID!) { " + times(40, "message(id: $id) { content }") + " }",
    "one id many times": "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Message { content } } }",
    "a list below one id many times": "query ($own: [ID!]!) { nodes(ids: $own) { ... on Conversation {"
    " messages(first: 3) { nodes { content } } } } }",
}


@pytest.mark.parametrize("name", WORST)
async def test_worst_operation_ends_in_bounded_memory(
    serving: Serving, rich: Client, large: dict[str, Any], name: str
) -> None:
    variables = {
        "id": large["messages"][0] if "message(id" in WORST[name] else large["id"],
        "ids": [large["messages"][0]] * 100,
        "own": [large["id"]] * 100,
    }
    known = {key: value for key, value in variables.items() if f"${key}:" in WORST[name]}
    await rich.run("{ viewer { id } }")
    tracemalloc.start()
    try:
        answer = await rich.run(WORST[name], **known)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code(answer) == "TOO_LARGE", str(answer)[:300]
    assert answer.get("data") is None
    assert peak < MOST_MEMORY[executor_of(serving)], f"{peak / MIB:.1f} MiB"
    await check_clean(serving, rich)


def executor_of(serving: Serving) -> str:
    """How the gateway runs queries."""
    return "breadth_first" if serving.gateway.instruments.engine.ways["query", "breadth_first"] else "depth_first"


def code(answer: dict[str, Any]) -> str | None:
    """The code of the first error."""
    return answer["errors"][0]["extensions"]["code"] if "errors" in answer else None


async def check_clean(serving: Serving, user: Client) -> None:
    """What was ended has left nothing behind: the connections serve, and the share is free."""
    assert await user.data("{ viewer { id } }") == {"viewer": {"id": user.user_id}}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while serving.gateway.resources.pool.counts().busy:  # noqa: ASYNC110 - only the count tells
            await asyncio.sleep(0)
    assert serving.gateway.instruments.engine.budgets.shares.taken == {}


async def test_error_says_what_to_ask_less_of(serving: Serving, rich: Client, large: dict[str, Any]) -> None:
    (error,) = (await rich.run(IN_LONG % PAGE, id=large["id"]))["errors"]
    assert error["message"].startswith("The operation exceeds 2 MiB")
    if executor_of(serving) == "breadth_first":
        assert error["extensions"]["path"] == ["conversation", "messages"]


async def test_what_is_within_the_limit_is_answered_whole(rich: Client, large: dict[str, Any]) -> None:
    data = await rich.data(IN_LONG % "messages(first: 6) { nodes { content } }", id=large["id"])
    assert [each["content"] for each in data["conversation"]["messages"]["nodes"]] == [TEXT] * 6
    wide = await rich.data("{ viewer { " + MESSAGES_OF_ALL % "seq" + " } }")
    assert sum(len(each["messages"]["nodes"]) for each in wide["viewer"]["conversations"]["nodes"]) >= WIDE**2


async def test_connection_goes_on_after_a_statement_was_stopped(
    serving: Serving, rich: Client, large: dict[str, Any]
) -> None:
    pool = serving.gateway.resources.pool
    await rich.run("{ viewer { id } }")
    before = {id(each) for each in pool._open}
    for _ in range(5):
        assert code(await rich.run(IN_LONG % PAGE, id=large["id"])) == "TOO_LARGE"
        await check_clean(serving, rich)
    assert {id(each) for each in pool._open} & before


async def test_mutation_that_shows_too_much_has_been_done(rich: Client, large: dict[str, Any]) -> None:
    document = (
        "mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { "
        + times(190, "content")
        + " } } }"
    )
    id = str(uuid4())
    values = {"id": id, "conversationId": large["id"], "role": "USER", "content": TEXT}
    (error,) = (await rich.run(document, input=values))["errors"]
    assert (error["extensions"]["code"], error["extensions"]["outcome"]) == ("TOO_LARGE", "unknown")
    assert await rich.data("query ($id: ID!) { message(id: $id) { id } }", id=id) == {"message": {"id": id}}


WATCH = "subscription ($id: ID, $after: Cursor) { messageAdded(conversationId: $id, after: $after) { cursor %s } }"


async def test_event_that_is_too_large_ends_the_subscription(rich: Client, large: dict[str, Any]) -> None:
    after = (await rich.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    await rich.make("addMessage", "message", conversationId=large["id"], role="USER", content="now")
    async with rich.socket() as socket:
        watch = WATCH % f"message {{ conversation {{ {PAGE} }} }}"
        events = await socket.subscribe(watch, id=large["id"], after=after)
        with pytest.raises(Ended) as ended:
            await first(events, 1)
        assert ended.value.args[0][0]["extensions"]["code"] == "TOO_LARGE"


async def test_events_that_are_too_large_together_come_one_by_one(rich: Client, large: dict[str, Any]) -> None:
    after = (await rich.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    for number in range(12):
        await rich.make(
            "addMessage", "message", conversationId=large["id"], role="USER", content=f"{number} {TEXT[:-9]}"
        )
    async with rich.socket() as socket:
        events = await socket.subscribe(WATCH % f"message {{ {times(5, 'content')} }}", id=large["id"], after=after)
        found = [each["messageAdded"]["message"]["a4"].split()[0] for each in await first(events, 12)]
    assert found == [str(number) for number in range(12)]


async def test_event_stream_ends_with_the_same_error(serving: Serving, rich: Client, large: dict[str, Any]) -> None:
    headers = {**rich.headers, "Accept": "text/event-stream"}
    body = {"query": IN_LONG % PAGE, "variables": {"id": large["id"]}}
    async with serving.http.post(f"{serving.url}/graphql", json=body, headers=headers) as response:
        text = await response.text()
    data = next(line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: {"))
    assert code(orjson.loads(data)) == "TOO_LARGE"


class Stalled:
    """A client that asks for an answer and does not read it."""

    def __init__(self, serving: Serving, user: Client, document: str, variables: dict[str, Any]) -> None:
        self._url = URL(serving.url)
        body = orjson.dumps({"query": document, "variables": variables})
        head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\r\n"
        self._request = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.setblocking(False)

    async def ask(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, (self._url.host, self._url.port))
        await loop.sock_sendall(self._socket, self._request)

    def close(self) -> None:
        self._socket.close()


async def test_answers_that_are_not_read_are_of_the_callers_share(database: Database) -> None:
    """Each takes up to the limit until it is read; then the caller, and nobody else, is asked to wait."""
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory)) as serving:
            user, other = await serving.signed_up(), await serving.signed_up()
            id = await conversation_of(user, 40)
            document = IN_LONG % "messages(first: 40) { nodes { content } }"
            shares = serving.gateway.instruments.engine.budgets.shares
            stalled = [Stalled(serving, user, document, {"id": id}) for _ in range(6)]
            try:
                for number, each in enumerate(stalled, start=1):
                    await each.ask()
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        while sum(shares.taken.values()) < number * 10 * MIB:  # noqa: ASYNC110 - only the count tells
                            await asyncio.sleep(0)
                assert code(await user.run(document, id=id)) == "OVERLOADED"
                assert max(shares.taken.values()) <= shares.most
                assert await user.data("{ viewer { id } }") == {"viewer": {"id": user.user_id}}
                assert code(await other.run(document, id=await conversation_of(other, 40))) is None
            finally:
                for each in stalled:
                    each.close()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while shares.taken:  # noqa: ASYNC110 - nothing tells of it but the count
                    await asyncio.sleep(0)
            assert code(await user.run(document, id=id)) is None


async def conversation_of(user: Client, messages: int) -> str:
    """A conversation of so many long messages."""
    id: str = (await user.make("createConversation", "conversation"))["id"]
    for _ in range(messages):
        await user.make("addMessage", "message", conversationId=id, role="USER", content=TEXT)
    return id
