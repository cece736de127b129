"""What a gateway tells of its work by OpenTelemetry, to whoever asked for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway.monitoring import tracing
from gateway.monitoring.tracing import require_tracing, summary
from gateway.refusal import Refusal
from tests.kit.database import Database
from tests.kit.serving import PATIENCE_SECONDS, Serving, first, serving_on

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
NOT_SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
SECRET = "what a person wrote"


@dataclass(slots=True)
class Collector:
    """An OTLP receiver."""

    spans: list[Span] = field(default_factory=list)
    resource: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resource |= {each.key: each.value.string_value for each in resource.resource.attributes}
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.came.set()
        self.came = asyncio.Event()
        return web.Response(content_type="application/x-protobuf")

    async def only(self, wanted: Callable[[Span], bool]) -> Span:
        """The span that is wanted, once it has come."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (found := [span for span in self.spans if wanted(span)]):
                await self.came.wait()
        return found[0]

    async def operation(self, name: str) -> Span:
        """The span of the operation that is called so."""
        return await self.only(lambda span: said(span, "graphql.operation.name") == name)


def said(span: Span, name: str) -> Any:
    """An attribute of a span; None where it has none."""
    for each in span.attributes:
        if each.key == name:
            return getattr(each.value, each.value.WhichOneof("value"))
    return None


@asynccontextmanager
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    """A receiver that the variables name."""
    made = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", made.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    try:
        yield made
    finally:
        await runner.cleanup()


@pytest.fixture
async def traced(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Serving, Collector]]:
    """A gateway that leaves traces, and where they go."""
    async with collector(monkeypatch) as receiver, serving_on(database, tmp_path, traces=True) as serving:
        yield serving, receiver


async def ask(serving: Serving, query: str, token: str | None, headers: dict[str, str], **variables: Any) -> Any:
    """The answer to a request with headers of its own."""
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"query": query, "variables": variables}
    async with serving.http.post(f"{serving.url}/graphql", json=body, headers={**bearer, **headers}) as response:
        return await response.json()


async def test_operation_is_a_span_below_the_callers_and_its_statements_below_it(
    traced: tuple[Serving, Collector],
) -> None:
    serving, receiver = traced
    user = await serving.signed_up()
    await ask(serving, "query Mine { viewer { conversations { nodes { title } } } }", user.token, SAMPLED)
    span = await receiver.operation("Mine")
    assert (span.name, span.kind, said(span, "graphql.operation.type")) == ("query", Span.SPAN_KIND_SERVER, "query")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    statement = await receiver.only(lambda each: each.name == "SELECT conversations")
    assert (statement.parent_span_id, statement.kind) == (span.span_id, Span.SPAN_KIND_CLIENT)
    assert said(statement, "db.system.name") == "postgresql"
    assert said(statement, "db.collection.name") == "conversations"
    assert said(statement, "db.query.text").startswith("SELECT ")
    assert span.start_time_unix_nano <= statement.start_time_unix_nano < statement.end_time_unix_nano
    assert receiver.resource["service.name"] == "parley"
    assert receiver.resource["deployment.environment.name"] == "test"


async def test_nothing_that_people_wrote_is_told(traced: tuple[Serving, Collector]) -> None:
    serving, receiver = traced
    user = await serving.signed_up()
    literal = f'mutation Literal {{ createConversation(input: {{title: "{SECRET}"}}) {{ conversation {{ id }} }} }}'
    await ask(serving, literal, user.token, {})
    variable = (
        "mutation Variable($i: CreateConversationInput!) { createConversation(input: $i) { conversation { id } } }"
    )
    await ask(serving, variable, user.token, {}, i={"title": SECRET})
    await receiver.operation("Literal")
    await receiver.operation("Variable")
    assert SECRET.encode() not in receiver.raw
    assert user.token is not None
    assert user.token.encode() not in receiver.raw


async def test_errors_are_told_by_their_codes_and_refusals_are_no_failures(traced: tuple[Serving, Collector]) -> None:
    serving, receiver = traced
    await ask(serving, "mutation Refused { createConversation(input: {}) { conversation { id } } }", None, {})
    span = await receiver.operation("Refused")
    assert said(span, "error.type") == "UNAUTHENTICATED"
    assert span.status.code == Status.STATUS_CODE_UNSET


async def test_operation_that_we_failed_at_is_marked_as_such(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner: asyncpg.Connection = await asyncpg.connect(database.owner_url)
    async with (
        collector(monkeypatch) as receiver,
        serving_on(database, tmp_path, traces=True, operation_seconds=3) as hurried,
    ):
        user = await hurried.signed_up()
        async with owner.transaction():
            await owner.execute("SELECT FROM parley.feeds WHERE user_id = $1 FOR UPDATE", user.user_id)
            late = "mutation Late { createConversation(input: {}) { conversation { id } } }"
            await ask(hurried, late, user.token, {})
        span = await receiver.operation("Late")
    await owner.close()
    assert (said(span, "error.type"), span.status.code) == ("TIMED_OUT", Status.STATUS_CODE_ERROR)


async def test_run_of_a_subscription_on_events_is_a_trace_of_its_own(traced: tuple[Serving, Collector]) -> None:
    serving, receiver = traced
    user = await serving.signed_up()
    conversation = (await user.make("createConversation", "conversation"))["id"]
    async with user.socket() as socket:
        events = await socket.subscribe("subscription Heard { messageAdded { message { content } } }")
        adding = asyncio.create_task(keep_adding(user, conversation))
        await first(events, 1)
        adding.cancel()
        await asyncio.wait([adding])
    span = await receiver.only(lambda each: each.name == "subscription")
    assert said(span, "graphql.operation.name") == "Heard"
    assert said(span, "messaging.batch.message_count") >= 1
    assert span.parent_span_id == b""


async def keep_adding(user: Any, conversation: str) -> None:
    """Add messages: a subscription without a cursor hears from when it began, which it does not tell."""
    while True:
        await user.make("addMessage", "message", conversationId=conversation, role="USER", content="x")


async def test_request_that_its_caller_does_not_trace_is_not_traced(traced: tuple[Serving, Collector]) -> None:
    serving, receiver = traced
    await ask(serving, "query Silent { __typename }", None, NOT_SAMPLED)
    await ask(serving, "query Told { __typename }", None, {})
    await receiver.operation("Told")
    assert not [span for span in receiver.spans if said(span, "graphql.operation.name") == "Silent"]


async def test_what_waits_is_sent_at_the_end(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with collector(monkeypatch) as receiver:
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
        async with serving_on(database, tmp_path, traces=True) as serving:
            await ask(serving, "query Last { __typename }", None, {})
            assert receiver.spans == []
        await receiver.operation("Last")


def test_without_the_extra_it_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "NEEDED", ("no_such_package.sdk",))
    with pytest.raises(Refusal, match=r"PARLEY_TRACES needs OpenTelemetry.*pip install 'parley\[otel\]'"):
        require_tracing()


def test_nothing_is_imported_unless_asked_for() -> None:
    program = "import sys, gateway.process.serve; sys.exit(any('opentelemetry' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT m.id FROM messages AS m WHERE m.user_id = $1", ("SELECT", "messages")),
        ("-- why\n  INSERT INTO parley.usage_logs (id) VALUES ($1)", ("INSERT", "usage_logs")),
        ("UPDATE devices SET name = $2 WHERE id = $3", ("UPDATE", "devices")),
        ("COMMIT", ("COMMIT", "")),
    ],
)
def test_statement_is_told_by_what_it_does_and_where(statement: str, told: tuple[str, str]) -> None:
    assert summary(statement) == told


async def test_collector_that_is_away_holds_nothing_up(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    async with serving_on(database, tmp_path, traces=True) as serving, aiohttp.ClientSession():
        answer = await ask(serving, "{ __typename }", None, {})
    assert answer == {"data": {"__typename": "Query"}}
