"""The primary is lost and a standby takes over: the gateway goes on there, without a restart and without a loss."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import asyncpg
import pytest_asyncio

from gateway.data.driver.connecting import connected
from gateway.data.driver.primary import Primary
from tests.faults.chance import scaled
from tests.faults.clients.writer import Manners
from tests.faults.history import SOUND
from tests.faults.play import Cast, played
from tests.faults.servers.process import GatewayProcess, gateway_in, signed_up
from tests.faults.servers.standby import Pair, Server, pair_in
from tests.kit.database import data_directory
from tests.kit.serving import Client

LISTENING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'parley-broker'"
ADD = "mutation { createConversation(input: {}) { conversation { id } } }"
_POLL_SECONDS = 0.02


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair() -> AsyncIterator[Pair]:
    """A primary and a standby."""
    with data_directory() as directory:
        async with pair_in(directory.resolve()) as made:
            yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(pair: Pair) -> AsyncIterator[GatewayProcess]:
    """A gateway that knows of both."""
    with data_directory() as directory:
        async with gateway_in(directory, pair.settings) as made:
            yield made


@dataclass(slots=True)
class Failover:
    """One gateway on two databases, as a stage for a play."""

    pair: Pair
    gateway: GatewayProcess
    http: aiohttp.ClientSession

    async def signed_up(self) -> Client:
        return await signed_up(self.http, self.gateway)

    def any_url(self, dice: random.Random) -> str:
        return self.gateway.url

    def answered(self, url: str) -> None:
        """Nothing hangs on it here."""

    async def heal(self) -> None:
        while await self.readiness() != 200:  # noqa: ASYNC110 - a process tells us nothing
            await asyncio.sleep(_POLL_SECONDS)

    async def connect(self) -> asyncpg.Connection:
        return await self.pair.standby.connect()

    async def readiness(self) -> int:
        """The status of `/readyz`."""
        async with self.http.get(f"{self.gateway.url}/readyz") as answer:
            return answer.status


@pytest_asyncio.fixture(loop_scope="module")
async def stage(pair: Pair, gateway: GatewayProcess) -> AsyncIterator[Failover]:
    async with aiohttp.ClientSession() as http:
        yield Failover(pair, gateway, http)


async def code_of(user: Client) -> str | None:
    """The code of the error that a mutation is answered with."""
    for error in (await user.run(ADD)).get("errors", ()):
        code: str = error["extensions"]["code"]
        return code
    return None


async def until_hints_go_over(server: Server) -> None:
    """Return once the gateway listens there for what others write."""
    connection = await server.connect()
    async with asyncio.timeout(20):
        while not await connection.fetchval(LISTENING):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(_POLL_SECONDS)
    await connection.close()


async def test_server_that_takes_no_writes_any_more_is_left_until_it_does(stage: Failover) -> None:
    user, primary = await stage.signed_up(), stage.pair.primary
    await primary.set("default_transaction_read_only", "on")
    while await code_of(user) is None:
        pass  # the server's processes have not heard of it
    assert await stage.readiness() == 503
    assert await code_of(user) == "UNAVAILABLE"
    await primary.set("default_transaction_read_only", "off")
    await stage.heal()
    while await code_of(user) is not None:
        pass
    assert await stage.readiness() == 200


async def test_connection_to_a_machine_that_has_gone_is_given_up_soon(pair: Pair) -> None:
    connection = await connected(Primary(pair.url()), 10)
    line = connection._transport.get_extra_info("socket")
    assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
    await connection.close()


async def test_failover_loses_no_acknowledged_write_and_no_event(stage: Failover) -> None:
    play = await played(stage, "failover", Cast(users=2, followers=8, manners=Manners(pause_seconds=0.01)))
    count = scaled(300)

    async def lose_the_primary() -> None:
        while play.written < count // 2:  # noqa: ASYNC110 - the writers of a play tell nobody
            await asyncio.sleep(_POLL_SECONDS)
        await asyncio.to_thread(stage.pair.primary.kill)
        assert await stage.readiness() == 503
        await asyncio.to_thread(stage.pair.standby.promote)
        await stage.heal()

    await play.perform(lose_the_primary(), lambda: play.written >= count)
    account = await play.judge()
    assert account.close() == SOUND
    assert any("UNAVAILABLE" in writer.attempts.codes for writer in play.writers)
    await until_hints_go_over(stage.pair.standby)
