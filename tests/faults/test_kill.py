"""A gateway that is told to stop, or whose database is killed, says so to those who are there, and goes on after."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio

from tests.faults.servers.process import STOPS, GatewayProcess, gateway_in, signed_up
from tests.kit.database import data_directory
from tests.kit.serving import Client, Ended, first

ADD = "mutation { createConversation(input: {}) { conversation { id } } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process() -> AsyncIterator[GatewayProcess]:
    """A gateway in a process of its own, with its own PostgreSQL."""
    with data_directory() as directory:
        async with gateway_in(directory) as made:
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(process: GatewayProcess) -> GatewayProcess:
    """The module's gateway, which serves."""
    if not process.runs:
        await process.start()
    return process


@pytest_asyncio.fixture(loop_scope="module")
async def user(gateway: GatewayProcess) -> AsyncIterator[Client]:
    """A new user of it."""
    async with aiohttp.ClientSession() as http:
        yield await signed_up(http, gateway)


async def test_next_process_takes_over_the_server_of_one_that_was_killed(gateway: GatewayProcess) -> None:
    before = gateway.server()
    await gateway.kill()
    await gateway.start()
    assert gateway.server() == before


async def test_while_its_database_is_away_it_says_so_and_serves_again_after(
    gateway: GatewayProcess, user: Client
) -> None:
    connection = await gateway.connect()
    assert await connection.fetchval("SHOW fsync") == "on", "or a kill would prove nothing"
    await connection.close()

    async def until_it_is_not_ready() -> int:
        while True:
            async with user.http.get(f"{gateway.url}/readyz") as answer:
                if answer.status != 200:
                    return answer.status

    async def until_it_refuses() -> list[str]:
        while "errors" not in (answer := await user.run(ADD)):
            pass
        return [error["extensions"]["code"] for error in answer["errors"]]

    # Asked all the while: the database may be back before a kill is known to be over.
    asked = asyncio.gather(until_it_is_not_ready(), until_it_refuses())
    await asyncio.to_thread(gateway.kill_server)
    status, codes = await asked
    assert (status, codes) == (503, ["UNAVAILABLE"])
    while "errors" in await user.run(ADD):
        pass
    async with user.http.get(f"{gateway.url}/readyz") as answer:
        assert answer.status == 200


@asynccontextmanager
async def a_message_that_waits(gateway: GatewayProcess, user: Client) -> AsyncIterator[asyncio.Task[dict[str, object]]]:
    """A mutation that runs for as long as the block does: a row that it needs is locked."""
    conversation = (await user.make("createConversation", "conversation"))["id"]
    connection = await gateway.connect()
    try:
        await connection.execute("BEGIN")
        await connection.execute("SELECT FROM parley.feeds WHERE user_id = $1 FOR UPDATE", user.user_id)
        values = {"conversationId": conversation, "role": "USER", "content": "the last"}
        adding = asyncio.create_task(user.make("addMessage", "message", "seq", **values))
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not adding.done(), adding
        yield adding
    finally:
        connection.terminate()


async def test_terminated_gateway_finishes_what_runs_and_tells_sockets_to_come_back(
    gateway: GatewayProcess, user: Client
) -> None:
    async with user.socket() as socket:
        events = await socket.subscribe("subscription { messageAdded { message { content } } }")
        async with a_message_that_waits(gateway, user) as adding:
            gateway.signal(signal.SIGTERM)
            await gateway.until_it_says(STOPS)
            assert not adding.done()
        assert await adding == {"seq": 1}
        with pytest.raises(Ended, match="1012"):
            await first(events, 2)
        assert await gateway.ended() == 0
    assert gateway.cluster.server() is None


async def test_second_interrupt_ends_it_at_once(gateway: GatewayProcess, user: Client) -> None:
    async with a_message_that_waits(gateway, user) as adding:
        gateway.signal(signal.SIGINT)
        await gateway.until_it_says(STOPS)
        gateway.signal(signal.SIGINT)
        assert await gateway.ended() == 130
        adding.cancel()
        await asyncio.wait([adding])
    assert gateway.cluster.server() is None
