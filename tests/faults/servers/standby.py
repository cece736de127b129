"""Two PostgreSQL servers on loopback: a primary, and a standby that has every commit before it is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from gateway.data.server.cluster import SUPERUSER, Cluster
from gateway.data.server.embedded import DATABASE
from gateway.data.server.os_user import server_user
from gateway.data.server.programs import run
from gateway.data.setup.roles import LOGIN
from tests.kit.network.ports import free_port

REPLICATES = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'"


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two."""

    directory: Path
    port: int

    @property
    def cluster(self) -> Cluster:
        """Its data directory."""
        return Cluster(self.directory, server_user(), {})

    def start(self) -> None:
        """Start it, and return once it answers."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories=''"
        log = str(self.directory / "start.log")
        self._control("start", "--wait", "--silent", "--log", log, "--options", options)

    def copy(self, primary: Server) -> None:
        """Begin as a standby of another server."""
        self.directory.mkdir(mode=0o700)
        self.cluster.user.own(self.directory)
        where = ("--host=127.0.0.1", f"--port={primary.port}", f"--username={SUPERUSER}")
        what = (f"--pgdata={self.directory}", "--write-recovery-conf", "--checkpoint=fast")
        run("pg_basebackup", *where, *what, user=self.cluster.user)

    def kill(self) -> None:
        """End it as a power failure would: the main process first, then each of its children."""
        main = self.cluster.server()
        assert main is not None
        main.suspend()  # or it could make another child while its children are counted
        processes = [main, *main.children(recursive=True)]
        for process in processes:
            process.kill()
        psutil.wait_procs(processes)

    def promote(self) -> None:
        """Let it take over."""
        self._control("promote", "--wait", "--silent")

    async def connect(self, database: str = DATABASE) -> asyncpg.Connection:
        """A connection of the superuser."""
        return await asyncpg.connect(host="127.0.0.1", port=self.port, user=SUPERUSER, database=database)

    async def set(self, name: str, value: str) -> None:
        """Change one of its settings while it runs."""
        connection = await self.connect()
        try:
            await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close()

    def _control(self, *arguments: str) -> None:
        run("pg_ctl", *arguments, "--pgdata", str(self.directory), user=self.cluster.user)


@dataclass(frozen=True, slots=True)
class Pair:
    """Both, as a gateway is told of them."""

    primary: Server
    standby: Server

    def url(self, role: str = LOGIN) -> str:
        """The URL that names both."""
        both = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self.standby))
        return f"postgresql://{role}@{both}/{DATABASE}?target_session_attrs=read-write"

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a gateway that serves on them."""
        return {"PARLEY_DATABASE_URL": self.url(), "PARLEY_OWNER_URL": self.url(SUPERUSER)}


@asynccontextmanager
async def pair_in(directory: Path) -> AsyncIterator[Pair]:
    """A primary with an empty database, and its standby."""
    first, second = (Server(directory / name, free_port()) for name in ("one", "two"))
    try:
        await asyncio.to_thread(first.cluster.create)
        await asyncio.to_thread(first.start)
        connection = await first.connect("postgres")
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        await asyncio.to_thread(second.copy, first)
        await asyncio.to_thread(second.start)
        await first.set("synchronous_standby_names", "*")
        while not await connection.fetchval(REPLICATES):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.02)
        await connection.close()
        yield Pair(first, second)
    finally:
        for server in (first, second):
            await asyncio.to_thread(server.cluster.stop)
