"""Whatever is killed in the middle of writing: nothing acknowledged is lost, nothing is done twice, and it goes on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from tests.database import data_directory
from tests.faults.follower import END, MESSAGES, Follower, message_of
from tests.faults.history import RANDOM, SOUND, Seen, report, scaled
from tests.faults.process import STOPS, GatewayProcess, gateway_in, signed_up
from tests.faults.writer import Writer
from tests.serving import Client, Ended, first

STORED = """
SELECT seq, content FROM parley.messages WHERE user_id = $1 AND content <> $2 ORDER BY seq
"""


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


@dataclass(slots=True)
class Scene:
    """A user of the gateway who writes and follows what is written."""

    gateway: GatewayProcess
    user: Client
    writer: Writer
    follower: Follower

    async def play(self, count: int, faults: list[Callable[[], object]]) -> None:
        """Write so many messages, and let each fault happen somewhere on the way."""
        step = count // (len(faults) + 1)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.follower.follow())
            writing = group.create_task(self.writer.write(count))
            for number, fault in enumerate(faults, start=1):
                await self.writer.until(number * step - RANDOM.randrange(step // 2))
                happened = fault()
                if asyncio.iscoroutine(happened):
                    await happened
            await writing
            await self.writer.end()

    async def judge(self, name: str, **counts: int) -> None:
        """What was written is stored once, without gaps in the numbers, and was seen as it is stored."""
        connection = await self.gateway.connect()
        try:
            assert await connection.fetchval("SHOW fsync") == "on"
            rows = await connection.fetch(STORED, self.user.user_id, END)
        finally:
            await connection.close()
        stored = [Seen(*row) for row in rows]
        assert report(f"{name}, stored", self.writer.writes, stored, **counts) == SOUND
        assert [each.place for each in stored] == list(range(1, len(stored) + 1))
        assert self.follower.spoilt == 0
        notes = {"connections": self.follower.connections, "spoilt": self.follower.spoilt}
        assert report(f"{name}, followed", self.writer.writes, self.follower.seen, **notes) == SOUND
        assert [each.value for each in self.follower.seen] == [each.value for each in stored]


@asynccontextmanager
async def scene(gateway: GatewayProcess, *, gives_up: float = 0) -> AsyncIterator[Scene]:
    async with aiohttp.ClientSession() as http:
        user = await signed_up(http, gateway)
        conversation = (await user.make("createConversation", "conversation"))["id"]
        cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
        writer = Writer(user, [conversation], gives_up=lambda: RANDOM.random() < gives_up)
        yield Scene(gateway, user, writer, Follower(user, MESSAGES, message_of, cursor, lambda: gateway.url))


async def test_killed_gateway_has_lost_and_doubled_nothing_when_it_is_back(gateway: GatewayProcess) -> None:
    kills = scaled(2)

    async def kill_and_start() -> None:
        before = gateway.server()
        await gateway.kill()
        await gateway.start()
        assert gateway.server() == before, "the next process takes over the server that runs"

    async with scene(gateway, gives_up=0.02) as played:
        await played.play(scaled(600), [kill_and_start] * kills)
        await played.judge("gateway killed", kills=kills)


async def test_killed_database_is_back_by_itself_and_has_lost_and_doubled_nothing(gateway: GatewayProcess) -> None:
    kills = scaled(2)

    async def kill_server() -> None:
        await asyncio.to_thread(gateway.kill_server)
        async with played.user.http.get(f"{gateway.url}/readyz") as answer:
            assert answer.status == 503

    async with scene(gateway, gives_up=0.02) as played:
        await played.play(scaled(600), [kill_server] * kills)
        async with played.user.http.get(f"{gateway.url}/readyz") as answer:
            assert answer.status == 200
        await played.judge("database killed", kills=kills)
        assert "UNAVAILABLE" in played.writer.codes


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


async def test_terminated_gateway_finishes_what_runs_and_tells_sockets_to_come_back(gateway: GatewayProcess) -> None:
    async with scene(gateway) as played, played.user.socket() as socket:
        events = await socket.subscribe("subscription { messageAdded { message { content } } }")
        async with a_message_that_waits(gateway, played.user) as adding:
            gateway.signal(signal.SIGTERM)
            with pytest.raises(Ended, match="1012"):
                await first(events, 1)
            assert not adding.done()
        assert await adding == {"seq": 1}
        assert await gateway.ended() == 0
    assert gateway.cluster.server() is None


async def test_second_interrupt_ends_it_at_once(gateway: GatewayProcess) -> None:
    async with scene(gateway) as played, a_message_that_waits(gateway, played.user) as adding:
        gateway.signal(signal.SIGINT)
        await gateway.until_it_says(STOPS)
        gateway.signal(signal.SIGINT)
        assert await gateway.ended() == 130
        adding.cancel()
        await asyncio.wait([adding])
    assert gateway.cluster.server() is None
