"""A gateway as a process of its own, on an embedded PostgreSQL with the settings of the real thing, to be killed."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
import psutil

from gateway.data.server.cluster import PORT, SUPERUSER, Cluster
from gateway.data.server.embedded import DATABASE
from gateway.data.server.os_user import server_user
from tests.kit.environment import without_settings
from tests.kit.network.ports import free_port
from tests.kit.serving import PASSWORD, Client, Statements

ROOT = Path(__file__).parents[3]
SERVES = "Parley serves GraphQL at"
STOPS = "Stopping"

_numbers = itertools.count(1)


@dataclass(slots=True)
class GatewayProcess:
    """`python -m gateway serve`, started and killed as often as need be."""

    directory: Path
    port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables, besides those that each test needs."""
    said: list[str] = field(default_factory=list)
    _process: Process | None = None
    _reading: asyncio.Task[None] | None = None
    _spoke: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def process_id(self) -> int | None:
        """The process id, of the last one if it has ended."""
        return self._process.pid if self._process else None

    @property
    def cluster(self) -> Cluster:
        """The directory of its PostgreSQL."""
        return Cluster(self.directory.resolve() / "postgres", server_user(), {})

    async def start(self) -> None:
        """Start it, and return once it serves."""
        own = {"PARLEY_DATA_DIR": str(self.directory), "PARLEY_PORT": str(self.port), "PARLEY_DEMO": "false"}
        own |= {"PARLEY_LOG_LEVEL": "warning", "PARLEY_LOG_FORMAT": "text", "PARLEY_SIGN_UPS_PER_ADDRESS": "100000"}
        own |= {"PARLEY_WORK": "false"}
        self.said.clear()
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "serve"),
            cwd=self.directory,
            env={**without_settings(), **own, "PYTHONPATH": str(ROOT), **self.settings},
            stdout=DEVNULL,
            stderr=PIPE,
            start_new_session=True,
        )
        self._reading = asyncio.create_task(self._read())
        await self.until_it_says(SERVES)

    async def until_it_says(self, text: str) -> None:
        """Return once it has said so."""
        while not any(text in line for line in self.said):
            assert self._reading is not None
            if self._reading.done():
                await self.ended()
                raise AssertionError("".join(self.said))
            await self._spoke.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Its exit status, once it has one."""
        assert self._process is not None
        assert self._reading is not None
        status = await self._process.wait()
        await self._reading
        return status

    async def kill(self) -> None:
        """End it as a power failure would."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    def server(self) -> int:
        """The process id of its PostgreSQL."""
        server = self.cluster.server()
        assert server is not None
        return server.pid

    def kill_server(self) -> None:
        """End its PostgreSQL as a power failure would: the main process first, then each of its children."""
        main = psutil.Process(self.server())
        main.suspend()  # or it could make another child while its children are counted
        processes = [main, *main.children(recursive=True)]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes)

    async def connect(self) -> asyncpg.Connection:
        """A connection of the superuser to its database."""
        return await asyncpg.connect(
            host=str(self.cluster.socket_directory), port=PORT, user=SUPERUSER, database=DATABASE
        )

    async def close(self) -> None:
        """Kill what is left."""
        if self.runs:
            await self.kill()
        await asyncio.to_thread(self.cluster.stop)

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.said.append(line.decode())
            self._speak()
        self._speak()

    def _speak(self) -> None:
        self._spoke.set()
        self._spoke = asyncio.Event()


@asynccontextmanager
async def gateway_in(directory: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[GatewayProcess]:
    """A gateway that serves from a directory, and nothing of it left at the end."""
    process = GatewayProcess(directory, settings=settings or {})
    try:
        await process.start()
        yield process
    finally:
        await process.close()


async def signed_up(http: aiohttp.ClientSession, process: GatewayProcess) -> Client:
    """A new user."""
    client = Client(http, process.url, Statements())
    values = {"email": f"faults{next(_numbers)}@example.org", "password": PASSWORD}
    payload = await client.mutate("signUp", "accessToken user { id }", **values)
    client.token, client.user_id = payload["accessToken"], payload["user"]["id"]
    return client
