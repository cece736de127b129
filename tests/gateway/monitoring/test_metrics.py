"""What an operator can see of a gateway at work, and who else cannot."""

from __future__ import annotations

import asyncio
import platform
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway import event_loop
from gateway.config import Settings
from gateway.monitoring.exposition import FAMILIES, Readings, exposed, written
from gateway.monitoring.metrics import BREADTH_FIRST, MOST_NAMES, REST, MeasuredEngine, by_name
from gateway.refusal import Refusal
from gateway.telemetry.histogram import BOUNDS, Histogram
from tests.kit.database import Database
from tests.kit.serving import PATIENCE_SECONDS, Ended, Serving, first, serving_on

FOR_THE_SIGNED_IN = "mutation { createConversation(input: {}) { conversation { id } } }"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module")
async def serving(database: Database) -> AsyncIterator[Serving]:
    """A gateway that counts."""
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory), metrics_port=0) as made:
            yield made


def read(serving: Serving) -> Mapping[str, float]:
    """The metrics as a scrape finds them, each by its name and the values of its labels."""
    text, _ = written({1: serving.gateway.instruments.samples()})
    samples = [sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples]
    assert all(sample.labels.pop("worker") == "1" for sample in samples)
    return {" ".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def test_operations_are_timed_by_their_kind(serving: Serving) -> None:
    before = read(serving)
    user = await serving.signed_up()
    for _ in range(3):
        await user.data("{ viewer { id } }")
    after = read(serving)
    name = "parley_operation_duration_seconds"
    for kind, count in ("mutation", 1), ("query", 3):
        assert after[f"{name}_count {kind}"] - before[f"{name}_count {kind}"] == count
        assert after[f"{name}_sum {kind}"] > before[f"{name}_sum {kind}"]
        assert after[f"{name}_bucket {kind} +Inf"] == after[f"{name}_count {kind}"]
    assert after["parley_operations_running"] == 0


async def test_operations_are_told_by_the_way_they_ran(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = Counter({("query", BREADTH_FIRST): 3, ("mutation", "there is no batch"): 1})
    monkeypatch.setattr(serving.gateway.instruments.engine, "ways", ways)
    found = read(serving)
    assert found["parley_operations_total query  breadth_first"] == 3
    assert found["parley_operations_total mutation there is no batch depth_first"] == 1


async def test_operator_chooses_the_way(database: Database, tmp_path: Path) -> None:
    ways: list[tuple[str, str]] = []
    for executor in BREADTH_FIRST, "depth_first":
        async with serving_on(database, tmp_path, executor=executor) as chosen:
            await chosen.anonymous().data("{ viewer { id } }")
            ways += chosen.gateway.instruments.engine.ways
    assert ways == [("query", BREADTH_FIRST), ("query", "it was chosen so")]


async def test_operation_that_takes_too_long_is_ended_and_counted(database: Database, tmp_path: Path) -> None:
    owner: asyncpg.Connection = await asyncpg.connect(database.owner_url)
    async with serving_on(database, tmp_path, metrics_port=0, operation_seconds=0.5) as hurried:
        user = await hurried.signed_up()
        try:
            async with owner.transaction():
                await owner.execute("SELECT FROM parley.feeds WHERE user_id = $1 FOR UPDATE", user.user_id)
                answer = await user.run(FOR_THE_SIGNED_IN)
        finally:
            await owner.close()
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["TIMED_OUT"]
        assert read(hurried)["parley_errors_total TIMED_OUT"] == 1


async def test_text_that_is_known_is_told_from_one_that_is_read(serving: Serving) -> None:
    before = read(serving)
    for _ in range(3):
        await serving.anonymous().run("query Known { __typename }")
    after = read(serving)
    assert after["parley_documents_total miss"] - before["parley_documents_total miss"] == 1
    assert after["parley_documents_total hit"] - before["parley_documents_total hit"] == 2


async def test_errors_are_counted_by_their_code(serving: Serving) -> None:
    before = read(serving)
    for operation in "{", "{ nothing }", FOR_THE_SIGNED_IN, FOR_THE_SIGNED_IN:
        await serving.anonymous().run(operation)
    after, name = read(serving), "parley_errors_total"
    expected = {"GRAPHQL_PARSE_FAILED": 1, "GRAPHQL_VALIDATION_FAILED": 1, "UNAUTHENTICATED": 2}
    assert {code: after[f"{name} {code}"] - before.get(f"{name} {code}", 0) for code in expected} == expected


async def test_subscriptions_are_counted_while_they_run(serving: Serving) -> None:
    user = await serving.signed_up()
    conversation = (await user.make("createConversation", "conversation"))["id"]
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    before = read(serving)
    async with user.socket() as socket:
        watch = "subscription Watch($after: Cursor) { messageAdded(after: $after) { message { content } } }"
        events = await socket.subscribe(watch, after=cursor)
        await user.make("addMessage", "message", conversationId=conversation, role="USER", content="seen")
        await first(events, 1)
        during = read(serving)
    await serving.gateway.sockets.all_closed(within_seconds=20)
    after = read(serving)
    assert during["parley_events_sent_total"] - before["parley_events_sent_total"] == 1
    for name in "parley_subscription_groups", "parley_sockets_open", "parley_feeds_followed":
        assert (before[name], during[name], after[name]) == (0, 1, 0), name
    running = "parley_subscriptions_running Watch"
    assert (running in before, during[running], running in after) == (False, 1, False)
    assert during["parley_event_runs_total"] - before["parley_event_runs_total"] == 1
    assert during["parley_feed_lag_seconds"] < 60
    assert after["parley_feed_lag_seconds"] == 0


async def test_delivery_is_timed_from_the_commit(serving: Serving) -> None:
    user = await serving.signed_up()
    conversation = (await user.make("createConversation", "conversation"))["id"]
    counted = "parley_delivery_latency_seconds_count"
    before = read(serving)[counted]
    async with user.socket() as socket:
        events = await socket.subscribe("subscription { messageAdded { message { content } } }")
        message = {"conversationId": conversation, "role": "USER", "content": "timed"}
        while read(serving)[counted] == before:  # until the subscription has begun
            await user.make("addMessage", "message", **message)
        await first(events, 1)
    after = read(serving)
    assert after["parley_delivery_latency_seconds_bucket +Inf"] == after[counted]
    assert after["parley_delivery_latency_seconds_sum"] > 0


async def test_hints_are_counted_where_they_are_sent_and_where_they_are_heard(
    database: Database, tmp_path: Path
) -> None:
    given = {"metrics_port": 0, "broker_url": "postgres:"}
    async with serving_on(database, tmp_path, **given) as here, serving_on(database, tmp_path, **given) as there:
        user = await here.signed_up()
        conversation = (await user.make("createConversation", "conversation"))["id"]
        cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        user.url = there.url
        async with user.socket() as socket, asyncio.timeout(PATIENCE_SECONDS):
            watch = "subscription($after: Cursor) { messageAdded(after: $after) { cursor } }"
            await socket.subscribe(watch, after=cursor)
            user.url = here.url
            message = {"conversationId": conversation, "role": "USER", "content": "hinted"}
            while not read(there)["parley_hints_total received"]:
                await user.make("addMessage", "message", **message)
        assert read(here)["parley_hints_total sent"] >= read(there)["parley_hints_total received"]
        assert read(there)["parley_broker_reconnects_total"] == 0


async def test_operations_are_told_by_their_outcome(serving: Serving) -> None:
    before, name = read(serving), "parley_operations_answered_total"
    user = await serving.signed_up()
    await user.data("{ viewer { id } }")
    await serving.anonymous().run(FOR_THE_SIGNED_IN)
    after = read(serving)
    expected = {"mutation ok": 1, "query ok": 1, "mutation errors": 1}
    assert {each: after[f"{name} {each}"] - before.get(f"{name} {each}", 0) for each in expected} == expected


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (401, {"Authorization": "Bearer wrong", "Content-Type": "application/json"}, b'{"query":"{__typename}"}'),
        (
            401,
            {"Authorization": "Bearer wrong", "Accept": "text/event-stream", "Content-Type": "application/json"},
            b"",
        ),
        (415, {"Content-Type": "text/plain"}, b"{}"),
        (400, {"Content-Type": "application/json"}, b"{"),
    ],
)
async def test_requests_that_are_refused_are_told_by_their_status(
    serving: Serving, status: int, headers: dict[str, str], body: bytes
) -> None:
    name = f"parley_requests_refused_total {status}"
    before = read(serving).get(name, 0)
    async with serving.http.post(f"{serving.url}/graphql", data=body, headers=headers) as answer:
        assert answer.status == status
    assert read(serving)[name] == before + 1


async def test_who_waits_for_a_connection_is_timed(serving: Serving) -> None:
    pool, name = serving.gateway.resources.pool, "parley_pool_wait_seconds_count"
    async with AsyncExitStack() as stack:
        for _ in range(pool.counts().size):
            await stack.enter_async_context(pool.connection())
        before = read(serving)[name]
        waiting = asyncio.create_task(pool.take())
        while not read(serving)["parley_pool_waiting"]:  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0)
    await pool.release(await waiting)
    assert read(serving)[name] == before + 1


async def test_event_loop_is_looked_at_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_loop, "LOOK_SECONDS", 0.001)
    lags = Histogram()
    looking = asyncio.create_task(event_loop.measure_lag(lags))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while sum(lags.buckets) < 3:  # noqa: ASYNC110 - nor does a number
            await asyncio.sleep(0)
    looking.cancel()


def test_names_of_subscriptions_are_bounded() -> None:
    running = Counter({f"name {number}": number for number in range(1, MOST_NAMES + 11)})
    found = by_name(running)
    assert len(found) == MOST_NAMES + 2
    assert (found[""], found[REST]) == (0, sum(range(1, 11)))
    assert sum(found.values()) == running.total()


async def test_every_family_is_known_with_its_description(serving: Serving) -> None:
    await serving.signed_up()
    assert {name for name, *_ in serving.gateway.instruments.samples()} <= set(FAMILIES)
    counters = {name for name, (kind, _) in FAMILIES.items() if kind == "counter"}
    assert {name for name, ending, *_ in serving.gateway.instruments.samples() if ending == "_total"} <= counters


async def test_subscription_that_is_refused_counts_as_an_error_and_not_as_an_event(serving: Serving) -> None:
    before = read(serving)
    async with serving.anonymous().socket() as socket:
        with pytest.raises(Ended):
            await first(await socket.subscribe("subscription { messageAdded { cursor } }"), 1)
    after, code = read(serving), "parley_errors_total UNAUTHENTICATED"
    assert after[code] == before.get(code, 0) + 1
    assert after["parley_events_sent_total"] == before["parley_events_sent_total"]


async def test_connections_are_told_by_what_they_do(serving: Serving) -> None:
    pool = serving.gateway.resources.pool
    async with pool.connection():
        held = read(serving)
    free = read(serving)
    assert (held["parley_pool_connections busy"], free["parley_pool_connections busy"]) == (1, 0)
    assert held["parley_pool_connections_allowed"] == Settings.model_fields["pool_size"].default
    assert free["parley_pool_waiting"] == 0


async def test_process_tells_its_processor_time_and_memory(serving: Serving) -> None:
    before = read(serving)
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    after, own = read(serving), psutil.Process()
    assert after["process_cpu_seconds_total"] >= before["process_cpu_seconds_total"] + 0.05
    assert 2**20 < after["process_resident_memory_bytes"] < after["process_virtual_memory_bytes"]
    assert after["process_start_time_seconds"] == own.create_time()
    assert after["process_open_fds"] > 3


async def test_version_is_told(serving: Serving) -> None:
    name = f"parley_build_info {platform.python_version()} {version('parley')}"
    assert read(serving)[name] == 1


async def test_nobody_reads_metrics_on_the_port_of_the_api(serving: Serving) -> None:
    async with serving.http.get(f"{serving.url}/metrics") as answer:
        assert answer.status == 404


async def test_without_metrics_nothing_is_counted(database: Database, tmp_path: Path) -> None:
    async with serving_on(database, tmp_path) as plain:
        assert not isinstance(plain.gateway.instruments.engine, MeasuredEngine)


async def test_scrape_answers_in_the_format_that_was_asked_for(serving: Serving) -> None:
    async def collect() -> Readings:
        return {1: serving.gateway.instruments.samples()}

    async with exposed("127.0.0.1", 0, collect) as port:
        url = f"http://127.0.0.1:{port}/metrics"
        async with serving.http.get(url) as answer:
            assert answer.content_type == "text/plain"
            assert "# TYPE parley_errors_total counter" in await answer.text()
        async with serving.http.get(url, headers={"Accept": OPENMETRICS}) as answer:
            assert answer.content_type == "application/openmetrics-text"
            assert (await answer.text()).endswith("# EOF\n")


async def none() -> Readings:
    return {}


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:9100", True),
        ("10.1.2.3:9100", True),
        ("[::1]:9100", True),
        ("localhost:9100", True),
        ("LOCALHOST.:9100", True),
        (f"{socket.gethostname()}:9100", True),
        ("gateway:9100", True),
        ("gateway.evil.example", False),
        ("evil.example:9100", False),
        ("127.0.0.1.evil.example", False),
        ("localhost@evil.example", False),
        ("[::1", False),
        ("::1", False),
        ("", False),
    ],
)
async def test_metrics_are_served_under_their_own_names_alone(host: str, answered: bool) -> None:
    """A foreign page whose name resolves to this address must not read them."""
    async with (
        exposed("127.0.0.1", 0, none, names=["Gateway"]) as port,
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/metrics", headers={"Host": host}) as answer,
    ):
        assert answer.status == (200 if answered else 421)
        assert answered or "PARLEY_METRICS_NAMES" in await answer.text()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PUT /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nExpect: nothing\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nCookie: " + b"x" * 20_000 + b"\r\n\r\n",
        b"no HTTP\r\n\r\n",
    ],
)
async def test_no_answer_of_the_metrics_port_tells_a_version_and_none_is_logged(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with exposed("127.0.0.1", 0, none) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        writer.close()
    assert "python" not in head
    assert "aiohttp" not in head
    assert caplog.records == []


async def test_port_that_is_taken_is_refused_by_its_setting(serving: Serving) -> None:
    async def collect() -> Readings:
        return {}

    async with exposed("127.0.0.1", 0, collect) as port:
        with pytest.raises(Refusal, match="PARLEY_METRICS_PORT"):
            async with exposed("127.0.0.1", port, collect):
                pass


def test_duration_on_a_bound_is_within_it_and_a_long_one_beyond_all() -> None:
    durations = Histogram()
    for seconds in (BOUNDS[0], BOUNDS[-1] + 1):
        durations.add(seconds)
    assert durations.buckets == [1, *[0] * (len(BOUNDS) - 1), 1]


def test_numbers_of_two_workers_stand_apart() -> None:
    text, _ = written({2: [("parley_sockets_open", "", {}, 5)], 1: [("parley_sockets_open", "", {}, 7)]})
    assert text.decode().splitlines()[2:] == [
        'parley_sockets_open{worker="1"} 7.0',
        'parley_sockets_open{worker="2"} 5.0',
    ]


def test_metrics_stay_on_this_machine_unless_told_otherwise() -> None:
    settings = Settings(_env_file=None)
    assert (settings.metrics_port, settings.metrics_host) == (None, "127.0.0.1")
