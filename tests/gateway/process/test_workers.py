"""Several processes serve on one port as one gateway, and stop as one, whatever is killed."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import orjson
import psutil
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from gateway.config import Settings
from gateway.http.shared_port import SharedPort
from gateway.process.worker import Order
from tests.faults.servers.process import SERVES, STOPS, GatewayProcess, gateway_in, signed_up
from tests.kit.database import data_directory
from tests.kit.serving import PATIENCE_SECONDS, Client, Ended, Socket, first

WORKERS = 2
SETTINGS = {"PARLEY_WORKERS": str(WORKERS), "PARLEY_PORT": "0", "PARLEY_METRICS_PORT": "0"}
CONNECTIONS = 60
MODULE = "gateway.process.worker"

ADD = "mutation($input: AddMessageInput!) { addMessage(input: $input) { message { content } userErrors { message } } }"
WATCH = "subscription($after: Cursor) { messageAdded(after: $after) { message { content } } }"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over sockets")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process() -> AsyncIterator[GatewayProcess]:
    """A gateway of several processes, on its own PostgreSQL and whatever port is free."""
    with data_directory() as directory:
        async with gateway_in(directory, SETTINGS) as made:
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(process: GatewayProcess) -> GatewayProcess:
    """The module's gateway, which serves."""
    if not process.runs:
        await process.start()
    (line,) = [line for line in process.said if SERVES in line]
    process.port = int(re.findall(r":(\d+)/graphql", line)[0])
    return process


def workers_of(gateway: GatewayProcess) -> dict[int, psutil.Process]:
    """The worker processes that run, by process id."""
    assert gateway.process_id is not None
    found = psutil.Process(gateway.process_id).children()
    return {each.pid: each for each in found if is_worker(each)}


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is one of the workers, and no PostgreSQL or zombie."""
    try:
        return MODULE in process.cmdline()
    except psutil.Error:
        return False


async def until(condition: Callable[[], object]) -> None:
    """Return once the condition holds."""
    async with asyncio.timeout(PATIENCE_SECONDS * 3):
        while not condition():  # noqa: ASYNC110 - other processes tell us nothing
            await asyncio.sleep(0.02)


def served_by(gateway: GatewayProcess, port: int) -> int:
    """The process id of the worker at the other end of a connection from this port."""
    for pid, worker in workers_of(gateway).items():
        for connection in worker.net_connections("tcp"):
            if connection.raddr and connection.raddr.port == port:
                return pid
    raise AssertionError(f"nobody serves port {port}")


async def scraped(gateway: GatewayProcess) -> dict[tuple[str, str], float]:
    """The metrics that tell of one worker at a time, by name and worker."""
    (url,) = [line.split()[-1] for line in gateway.said if "Metrics" in line]
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        families = text_string_to_metric_families(await answer.text())
        samples = [sample for family in families for sample in family.samples]
    return {(each.name, each.labels["worker"]): each.value for each in samples if len(each.labels) == 1}


async def healthy(gateway: GatewayProcess) -> bool:
    """Whether a new connection is answered."""
    async with aiohttp.ClientSession() as http, http.get(f"{gateway.url}/healthz") as answer:
        return answer.status == 200


@asynccontextmanager
async def connected(gateway: GatewayProcess) -> AsyncIterator[int]:
    """A connection on which a request was answered, and its port at our end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: parley\r\n\r\n")
        assert b"200 OK" in await reader.readline()
        yield writer.get_extra_info("sockname")[1]
    finally:
        writer.close()
        await writer.wait_closed()


async def test_every_worker_answers_its_share_of_connections(gateway: GatewayProcess) -> None:
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(connected(gateway)) for _ in range(CONNECTIONS)]
        served = [served_by(gateway, port) for port in ports]
    assert set(served) == set(workers_of(gateway))
    assert len(set(served)) == WORKERS


async def test_parent_itself_serves_nobody(gateway: GatewayProcess) -> None:
    assert gateway.process_id is not None
    async with connected(gateway):
        connections = psutil.Process(gateway.process_id).net_connections("tcp")
        assert {each.status for each in connections} == {psutil.CONN_LISTEN}


@asynccontextmanager
async def sockets_to_two_workers(gateway: GatewayProcess, user: Client) -> AsyncIterator[tuple[Socket, Socket]]:
    """Two websockets of one user that different processes serve."""
    async with AsyncExitStack() as stack:
        found: dict[int, Socket] = {}
        while len(found) < 2:
            made = await stack.enter_async_context(user.socket())
            port = made.connection.get_extra_info("sockname")[1]
            found[served_by(gateway, port)] = made
        one, other, *_ = found.values()
        yield one, other


async def test_what_one_worker_writes_a_subscriber_of_another_hears(gateway: GatewayProcess) -> None:
    async with aiohttp.ClientSession() as http:
        user = await signed_up(http, gateway)
        conversation = (await user.make("createConversation", "conversation"))["id"]
        cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        async with sockets_to_two_workers(gateway, user) as (here, there):
            events = await here.subscribe(WATCH, after=cursor)
            message = {"conversationId": conversation, "role": "USER", "content": "from there"}
            (answer,) = await first(await there.subscribe(ADD, input=message), 1)
            assert answer["addMessage"] == {"message": {"content": "from there"}, "userErrors": []}
            assert await first(events, 1) == [{"messageAdded": {"message": {"content": "from there"}}}]


async def test_one_scrape_answers_for_all_workers(gateway: GatewayProcess) -> None:
    async with aiohttp.ClientSession() as http:
        user = await signed_up(http, gateway)
        async with sockets_to_two_workers(gateway, user):
            found = await scraped(gateway)
    assert {worker for _, worker in found} == {"1", "2"}
    for worker in "1", "2":
        assert found["parley_worker_up", worker] == 1
        assert found["parley_worker_starts_total", worker] == 1
        assert found["parley_sockets_open", worker] >= 1
    started = {found["process_start_time_seconds", worker] for worker in ("1", "2")}
    assert started == {each.create_time() for each in workers_of(gateway).values()}


async def test_worker_that_hangs_is_told_by_the_metrics_of_the_others(gateway: GatewayProcess) -> None:
    hanging = next(iter(workers_of(gateway).values()))
    hanging.suspend()
    try:
        found = await scraped(gateway)
    finally:
        hanging.resume()
    assert sorted(value for (name, _), value in found.items() if name == "parley_worker_up") == [0, 1]
    found = await scraped(gateway)
    assert [value for (name, _), value in found.items() if name == "parley_worker_up"] == [1, 1]


async def test_killed_worker_is_replaced_and_meanwhile_everybody_is_answered(gateway: GatewayProcess) -> None:
    before = workers_of(gateway)
    killed = next(iter(before.values()))
    killed.kill()
    await until(lambda: not is_worker(killed))
    # As many as it takes for some to come to the socket that nobody accepts from.
    answers = await asyncio.gather(*(healthy(gateway) for _ in range(CONNECTIONS)))
    assert answers == [True] * CONNECTIONS
    await until(lambda: len(workers_of(gateway)) == WORKERS)
    await gateway.until_it_says("worker_serves_again")
    assert len(set(workers_of(gateway)) & set(before)) == WORKERS - 1
    assert any("killed by SIGKILL" in line for line in gateway.said)
    starts = [value for (name, _), value in (await scraped(gateway)).items() if name == "parley_worker_starts_total"]
    assert sorted(starts) == [1, 2]


async def test_port_that_is_taken_is_said_before_any_worker_starts(gateway: GatewayProcess) -> None:
    late = GatewayProcess(gateway.directory, gateway.port, {"PARLEY_WORKERS": str(WORKERS)})
    with pytest.raises(AssertionError, match=f"parley: Parley already runs on 127.0.0.1 port {gateway.port}"):
        await late.start()
    assert await healthy(gateway)


async def test_terminated_gateway_stops_every_process(gateway: GatewayProcess) -> None:
    running, said = workers_of(gateway), len(gateway.said)
    gateway.signal(signal.SIGTERM)
    assert await gateway.ended() == 0
    assert not any(is_worker(each) for each in running.values())
    assert gateway.cluster.server() is None
    assert not any("worker_died" in line for line in gateway.said[said:])


async def refuses(gateway: GatewayProcess) -> bool:
    """Whether nobody listens any more."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    writer.close()
    return False


async def test_nobody_is_let_in_while_a_worker_finishes_what_runs(gateway: GatewayProcess) -> None:
    async with aiohttp.ClientSession() as http, AsyncExitStack() as stack:
        user = await signed_up(http, gateway)
        conversation = (await user.make("createConversation", "conversation"))["id"]
        socket = await stack.enter_async_context(user.socket())
        events = await socket.subscribe(WATCH)
        connection = await gateway.connect()
        await connection.execute("BEGIN")
        await connection.execute("SELECT FROM parley.feeds WHERE user_id = $1 FOR UPDATE", user.user_id)
        values = {"conversationId": conversation, "role": "USER", "content": "the last"}
        adding = asyncio.create_task(user.make("addMessage", "message", "seq", **values))
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not adding.done(), adding
        gateway.signal(signal.SIGTERM)
        while not await refuses(gateway):
            assert not adding.done(), adding
        connection.terminate()
        assert await adding == {"seq": 1}
        with pytest.raises(Ended, match="1012"):
            await first(events, 2)
    assert await gateway.ended() == 0


async def test_workers_that_die_at_their_start_again_and_again_end_it(process: GatewayProcess) -> None:
    async def kill_each() -> None:
        while True:
            for worker in workers_of(process).values() if process.runs else ():
                worker.kill()
            await asyncio.sleep(0.01)

    if process.runs:
        process.signal(signal.SIGTERM)
        await process.ended()
    killing = asyncio.create_task(kill_each())
    with pytest.raises(AssertionError, match=r"Worker \d failed to start 3 times in a row: killed by SIGKILL"):
        await process.start()
    killing.cancel()
    assert await process.ended() == 1
    assert process.cluster.server() is None


async def test_workers_end_with_a_parent_that_is_killed_and_give_the_port_back(gateway: GatewayProcess) -> None:
    running, server = workers_of(gateway), gateway.server()
    await gateway.kill()
    await until(lambda: not any(is_worker(each) for each in running.values()))
    assert SharedPort.reserve("127.0.0.1", gateway.port)
    assert gateway.server() == server, "left for the next process to take over, as by a gateway of one process"


async def test_second_interrupt_ends_a_worker_that_hangs(gateway: GatewayProcess) -> None:
    running = workers_of(gateway)
    next(iter(running.values())).suspend()
    gateway.signal(signal.SIGINT)
    await gateway.until_it_says(STOPS)
    gateway.signal(signal.SIGINT)
    assert await gateway.ended() == 130
    assert not any(is_worker(each) for each in running.values())
    assert gateway.cluster.server() is None


def order_for(**given: Any) -> Order:
    """What a worker is told."""
    settings = Settings(_env_file=None, **given)
    return Order.of(2, settings, "postgresql://parley_app@db/parley", [])


def test_worker_is_not_told_the_password_of_the_databases_owner() -> None:
    order = order_for(owner_url="postgresql://admin:hunter2@db/parley", database_url="postgresql://app:hunter3@db/p")
    assert b"hunter" not in order.line()


@pytest.mark.parametrize("broker_url", ["process:", "nats://parley:hunter2@nats:4222"])
def test_worker_has_the_broker_of_its_parent(broker_url: str) -> None:
    order = order_for(workers=4, broker_url=broker_url)
    settings = Settings(_env_file=None, database_url=order.database_url, **order.settings)
    assert settings.chosen_broker == broker_url
    assert order_for(workers=4).settings["broker_url"] == "postgres:"


def test_worker_has_the_settings_of_its_parent() -> None:
    order = order_for(workers=4, trusted_origins="https://a.example", pool_size=3)
    settings = Settings(_env_file=None, database_url=order.database_url, **order.settings)
    assert (settings.workers, settings.trusted_origins, settings.pool_size) == (4, ("https://a.example",), 3)
    assert settings.offers_demo, "as with the embedded database, which is the parent's"


def test_worker_has_the_secrets_of_its_parent() -> None:
    order = order_for(polar_webhook_secret="polar_whs_0123456789,polar_whs_9876543210", polar_products="1=pro")
    assert "polar_whs" not in repr(order)
    settings = Settings(_env_file=None, **orjson.loads(order.line())["settings"])
    assert [each.get_secret_value() for each in settings.polar_webhook_secret] == [
        "polar_whs_0123456789",
        "polar_whs_9876543210",
    ]
    assert settings.polar_products == {"1": "pro"}
