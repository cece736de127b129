"""Operations that are given up at any of their awaits: no connection keeps anything of them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
import pytest_asyncio

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.data.driver.connection import StampedConnection
from gateway.data.pool import Pool
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import OperationRequest
from gateway.http.edge import Edge
from tests.kit import serving as kit
from tests.kit.database import Database
from tests.kit.giving_up import MOMENTS, Moment, at_every_await
from tests.kit.serving import Serving, serving_on

NOT_IDLE = """
    SELECT a.pid, a.state, a.xact_start IS NOT NULL AS in_transaction, l.mode, a.query
    FROM pg_stat_activity AS a
    LEFT JOIN pg_locks AS l ON l.pid = a.pid
    WHERE a.pid = ANY ($1) AND (a.state <> 'idle' OR a.xact_start IS NOT NULL OR l.pid IS NOT NULL)
"""

OPERATIONS = {
    "a point read": "query($id: ID!) { conversation(id: $id) { id title } }",
    "a page": "query($id: ID!) { conversation(id: $id) { messages(first: 5) { nodes { id content } } } }",
    "several links": """query($id: ID!) { conversation(id: $id) {
        title messages(first: 5) { nodes { id conversation { title } } } toolExecutions { nodes { id } }
    } }""",
    "several roots": """query($id: ID!) {
        a: conversation(id: $id) { title } viewer { email } b: message(id: $id) { seq }
    }""",
    "several types": """query($id: ID!, $session: ID!) { nodes(ids: [$id, $session]) {
        __typename id ... on Session { userAgent } ... on Conversation { title }
    } }""",
    "a snapshot": """query($id: ID!) { viewer { feedCursor email sessions { nodes { id } } }
        conversation(id: $id) { title messages { nodes { id } } }
    }""",
    "a mutation": """mutation($id: ID!) { addMessage(input: {conversationId: $id, role: USER, content: "c"}) {
        message { id conversation { messageCount } } userErrors { message }
    } }""",
    "a transaction": """mutation($id: ID!) { recordContextOptimization(input: {
        conversationId: $id, triggerReason: AUTO, optimizationType: SUMMARIZATION, tokensBefore: 2, tokensAfter: 1
    }) { userErrors { message } } }""",
    "a mutation that fails": """mutation($id: ID!) { createConversation(input: {id: $id}) {
        conversation { id } userErrors { message }
    } }""",
}

BY_GRAPHQL_CORE = "ignore:coroutine .*_async_resolver' was never awaited"
"""It leaves coroutines of resolvers behind when it is cancelled before their first step."""

ADDED = "subscription($after: Cursor) { messageAdded(after: $after) { cursor message { id conversation { title } } } }"


@dataclass(frozen=True, slots=True)
class Caller:
    """A user, and what their operations are about."""

    client: kit.Client
    identity: Identity
    variables: dict[str, Any]

    @property
    def user_id(self) -> str:
        return str(self.identity.user_id)


@dataclass(slots=True)
class Giver:
    """Runs operations without a transport, on a gateway that has one connection for them."""

    serving: Serving
    edge: Edge
    superuser: asyncpg.Connection
    caller: Caller
    stranger: Caller

    def prepared(self, text: str, variables: dict[str, Any]) -> Operation:
        return self.edge.engine.prepare(OperationRequest(text, variables=variables))

    def answering(self, text: str, caller: Caller) -> Callable[[], Coroutine[Any, Any, Any]]:
        used = {name: value for name, value in caller.variables.items() if f"${name}" in text}
        operation = self.prepared(text, used)
        return lambda: self.edge.answer(operation, caller.identity, Client(None, None))

    def pools(self) -> list[Pool]:
        return [self.serving.gateway.resources.pool, self.edge.live._contexts.pool]  # type: ignore[attr-defined]

    def connections(self) -> list[StampedConnection]:
        return [connection for pool in self.pools() for connection in pool._open]

    def forget_statements(self) -> None:
        """Let each statement have to be prepared, as it has on a connection that is new to it."""
        for connection in self.connections():
            connection._stmt_cache.clear()

    async def check(self) -> None:
        """Nothing is left of what ran, and whoever comes next is served: both users, and a snapshot."""
        # The pool tells nobody that all of it is free.
        while any(pool.counts().busy for pool in self.pools()):  # noqa: ASYNC110
            await asyncio.sleep(0)
        for connection in self.connections():
            assert connection.is_clean()
        pids = [connection.get_server_pid() for connection in self.connections()]
        assert [dict(row) for row in await self.superuser.fetch(NOT_IDLE, pids)] == []
        for each in (self.caller, self.stranger, self.caller):
            for text in ("{ viewer { email } }", "{ viewer { email feedCursor } }"):
                answer = orjson.loads((await self.answering(text, each)()).bytes())
                assert "errors" not in answer
                assert answer["data"]["viewer"]["email"] == each.variables["email"]


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["breadth_first", "depth_first"])
async def giver(
    database: Database, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Giver]:
    directory: Path = tmp_path_factory.mktemp("gateway")
    options = {"executor": request.param, "pool_size": 1, "feed_poll_seconds": 60}
    async with serving_on(database, directory, **options) as serving:
        superuser = await asyncpg.connect(database.owner_url)
        instruments = serving.gateway.instruments
        edge = Edge(instruments.engine, serving.gateway.resources, instruments.live)
        yield Giver(serving, edge, superuser, await _caller(serving), await _caller(serving))
        await superuser.close()


async def _caller(serving: Serving) -> Caller:
    client = await serving.signed_up()
    assert client.token is not None
    identity = serving.gateway.resources.authenticator.verify(client.token)
    conversation = await client.make("createConversation", "conversation", title="t")
    await client.make("addMessage", "message", conversationId=conversation["id"], role="USER", content="c")
    await client.make("proposeToolExecution", "toolExecution", conversationId=conversation["id"], toolName="run")
    shown = await client.data("{ viewer { email sessions { nodes { id } } } }")
    variables = {
        "id": conversation["id"],
        "session": shown["viewer"]["sessions"]["nodes"][0]["id"],
        "email": shown["viewer"]["email"],
    }
    return Caller(client, identity, variables)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What graphql-core leaves behind is found before the next test, which would be blamed for it."""
    yield
    gc.collect()


@pytest.mark.filterwarnings(BY_GRAPHQL_CORE)
@pytest.mark.parametrize("is_new", [True, False], ids=["new statements", "known statements"])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_operation_given_up_at_any_await_leaves_its_connection_at_rest(
    giver: Giver, operation: str, moment: Moment, is_new: bool
) -> None:
    work = giver.answering(OPERATIONS[operation], giver.caller)
    await work()
    before = giver.forget_statements if is_new else giver.connections
    assert await at_every_await(work, moment, before=before, after=giver.check) > 0


@pytest.mark.filterwarnings(BY_GRAPHQL_CORE)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("operation", ["a point read", "a mutation"])
async def test_callers_who_are_given_up_in_a_pipeline_leave_its_connections_at_rest(
    giver: Giver, operation: str, moment: Moment
) -> None:
    asked = [giver.answering(OPERATIONS[operation], each) for each in (giver.caller, giver.stranger) * 5]

    async def work() -> None:
        await asyncio.gather(*(each() for each in asked))

    assert await at_every_await(work, moment, before=giver.forget_statements, after=giver.check) > 0


@dataclass(slots=True)
class Sink:
    """Takes one event that was there before, and one that comes while it listens; then its client goes."""

    write: Callable[[], Coroutine[Any, Any, Any]]
    events: int = 0
    writes: list[asyncio.Task[Any]] = field(default_factory=list)

    def push(self, payload: bytes, cursor: str | None) -> bool:
        assert b'"errors"' not in payload
        self.events += 1
        if self.events % 2 == 0:
            raise ConnectionResetError
        self.writes.append(asyncio.get_running_loop().create_task(self.write(), context=contextvars.Context()))
        return True

    async def drained(self) -> None: ...


@pytest.mark.filterwarnings(BY_GRAPHQL_CORE)
@pytest.mark.parametrize("is_new", [True, False], ids=["new statements", "known statements"])
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_subscription_given_up_at_any_await_leaves_its_connections_at_rest(
    giver: Giver, moment: Moment, is_new: bool
) -> None:
    caller = giver.caller
    values = {"conversationId": caller.variables["id"], "role": "USER", "content": "c"}
    start = (await caller.client.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    await caller.client.make("addMessage", "message", **values)
    sink = Sink(lambda: caller.client.make("addMessage", "message", **values))

    async def work() -> None:
        sink.events = 0
        operation = giver.prepared(ADDED, {"after": start})
        with pytest.raises(ConnectionResetError):
            await giver.edge.live.serve(operation, lambda: caller.identity, Client(None, None), sink)

    async def check() -> None:
        await asyncio.gather(*sink.writes)
        await giver.check()

    before = giver.forget_statements if is_new else giver.connections
    assert await at_every_await(work, moment, before=before, after=check) > 0
