"""Several gateways on one PostgreSQL, each behind a line that can be cut."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg

from gateway.data.driver.failure import ERRORS
from gateway.data.server.cluster import PORT, SUPERUSER
from gateway.data.server.embedded import DATABASE
from tests.faults.servers.process import GatewayProcess, signed_up
from tests.kit.network.line import Line, line_to
from tests.kit.serving import Client

SETTINGS = {
    "PARLEY_BROKER_URL": "postgres:",
    "PARLEY_ACCESS_TOKEN_SECONDS": "86400",
    "PARLEY_GRAPHIQL": "false",
    # Not what these runs are about: all clients come from one address, and many are of one user.
    "PARLEY_MAX_SOCKETS_PER_USER": "2000",
    "PARLEY_MAX_SOCKETS_PER_ADDRESS": "2000",
    "PARLEY_MAX_ANONYMOUS_SOCKETS_PER_ADDRESS": "2000",
    "PARLEY_MAX_ANONYMOUS_SOCKETS": "2000",
    "PARLEY_MAX_SUBSCRIPTIONS_PER_USER": "2000",
    "PARLEY_LOG_LEVEL": "error",
}

_POLL_SECONDS = 0.02
_END_BROKERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parley-broker'"


@dataclass(slots=True)
class Node:
    """One gateway, and the line to it."""

    process: GatewayProcess
    line: Line
    at_answer: Callable[[], None] | None = None
    """What is to happen the moment that it has acknowledged its next write."""


@dataclass(slots=True)
class Nodes:
    """The gateways, and what can be done to them and to their database."""

    all: list[Node]
    http: aiohttp.ClientSession
    _by_url: dict[str, Node] = field(default_factory=dict)
    _socket_directory: str = ""

    def any_url(self, dice: random.Random) -> str:
        """Where to reach one of them."""
        return dice.choice(self.all).line.url

    def answered(self, url: str) -> None:
        """A node has acknowledged a write: between the commit and the hint to the others, if we are quick."""
        node = self._by_url.get(url)
        if node is not None and node.at_answer is not None:
            act, node.at_answer = node.at_answer, None
            act()

    async def signed_up(self) -> Client:
        """A new user."""
        return await signed_up(self.http, self.all[0].process)

    async def connect(self) -> asyncpg.Connection:
        """A connection of the superuser, as soon as the database takes one."""
        while True:
            with suppress(*ERRORS, OSError):
                return await asyncpg.connect(host=self._socket_directory, port=PORT, user=SUPERUSER, database=DATABASE)
            await asyncio.sleep(_POLL_SECONDS)

    async def heal(self) -> None:
        """Let everything run and everybody in."""
        for node in self.all:
            node.at_answer = None
            node.line.mend()
            if node.process.runs:
                node.process.signal(signal.SIGCONT)
            else:
                await node.process.start()
        await self.until_ready()

    async def kill_database(self) -> float:
        """Kill PostgreSQL, and wait until every node serves again: how many seconds after its return that was."""
        await asyncio.to_thread(self.all[0].process.kill_server)
        await (await self.connect()).close()
        returned = time.monotonic()
        await self.until_ready()
        return time.monotonic() - returned

    async def until_ready(self) -> None:
        """Wait until every node that runs is ready, by its own account."""
        for node in self.all:
            while node.process.runs and not await self._is_ready(node):  # noqa: ASYNC110 - processes tell us nothing
                await asyncio.sleep(_POLL_SECONDS)

    async def cut_brokers(self) -> int:
        """End the connections that carry hints. How many there were."""
        connection = await self.connect()
        try:
            ended = await connection.fetch(_END_BROKERS)
        finally:
            await connection.close()
        return len(ended)

    async def _is_ready(self, node: Node) -> bool:
        try:
            async with self.http.get(f"{node.process.url}/readyz") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    async def start(self, stack: AsyncExitStack, directory: Path, count: int, settings: Mapping[str, str]) -> None:
        """Start so many: the first one, which makes the database, and then the others."""
        for _ in range(count):
            process = GatewayProcess(directory, settings={**SETTINGS, **settings})
            line = await stack.enter_async_context(line_to(process.url))
            self.all.append(Node(process, line))
            self._by_url[line.url] = self.all[-1]
        first, *others = (node.process for node in self.all)
        await first.start()
        self._socket_directory = str(first.cluster.socket_directory)
        await asyncio.gather(*(process.start() for process in others))

    async def close(self) -> None:
        """Kill what is left; the database last, as long as anybody would start it again."""
        for node in self.all:
            if node.process.runs:
                await node.process.kill()
        for node in self.all[:1]:
            await node.process.close()


@asynccontextmanager
async def nodes_in(directory: Path, count: int, settings: Mapping[str, str] | None = None) -> AsyncIterator[Nodes]:
    """So many gateways that serve from one directory, and nothing of them left at the end."""
    # Whoever does not answer is frozen: a client of several nodes asks another one.
    patience = aiohttp.ClientTimeout(total=5)
    async with (
        aiohttp.ClientSession(timeout=patience, connector=aiohttp.TCPConnector(limit=0)) as http,
        AsyncExitStack() as stack,
    ):
        nodes = Nodes([], http)
        stack.push_async_callback(nodes.close)
        await nodes.start(stack, directory, count, settings or {})
        yield nodes
