"""`parley serve` with throw-away types, as a process with a data directory of its own, and a user with objects."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
import orjson
import psutil

from gateway.data.server.embedded import CLUSTER
from tests.bench.client import check, connected, drive, encoded
from tests.bench.many_types.throw_away import write
from tests.bench.servers import cpu_seconds_with_ended
from tests.kit.environment import without_settings

CONCURRENCY = 16
OBJECTS = 200
_URL = re.compile(r"http://[^/\s]+(?=/graphql)")
_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Installation:
    """Parley with so many types, and where its data is."""

    types: int
    folder: Path

    @classmethod
    def of(cls, types: int, folder: Path) -> Installation:
        """Write the types into an empty folder."""
        write(folder / "types", types)
        return cls(types, folder)

    @asynccontextmanager
    async def served(self, *under: str) -> AsyncIterator[Served]:
        """Serve for the duration of the block, with `under` as the beginning of the command."""
        began = perf_counter()
        command = [*under, sys.executable, "-m", "tests.bench.many_types.parley", str(self.folder / "types")]
        environment = {
            **without_settings(),
            "PARLEY_DATA_DIR": str(self.folder / "data"),
            "PARLEY_DEMO": "false",
            "PARLEY_LOG_FORMAT": "json",
        }
        process = await asyncio.create_subprocess_exec(
            *command, "serve", "--port", "0", stderr=asyncio.subprocess.PIPE, cwd=_ROOT, env=environment
        )
        assert process.stderr is not None
        draining: asyncio.Task[bytes] | None = None
        try:
            url = await _url(process.stderr)
            draining = asyncio.create_task(process.stderr.read())
            server = Served(url, psutil.Process(process.pid), _database(self.folder / "data"))
            await server.ask(b'{"query":"{ __typename }"}')
            server.seconds_to_start = perf_counter() - began
            yield server
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
            if draining is not None:
                await draining


@dataclass(slots=True)
class Served:
    """A running process."""

    url: str
    gateway: psutil.Process
    database: psutil.Process
    seconds_to_start: float = 0.0
    """From the start of the process to its first answer."""

    async def ask(self, body: bytes, token: str = "") -> bytes:
        """The answer to one request."""
        async with connected(self.url, 1) as (connection,):
            answer = await connection.ask(encoded(f"{self.url}/graphql", token, body))
            check(connection.status, answer)
            return answer

    async def cost(self, requests: Sequence[bytes], seconds: float) -> tuple[float, float]:
        """The CPU seconds of one request, in the gateway and in the database, when asked for so long."""
        async with connected(self.url, CONCURRENCY) as connections:
            before = self._clocks()
            answered = await drive(connections, requests, seconds)
            after = self._clocks()
        return (after[0] - before[0]) / answered, (after[1] - before[1]) / answered

    async def answered(self, requests: Sequence[bytes], count: int) -> None:
        """Ask exactly so many requests."""
        following = itertools.islice(itertools.cycle(requests), count)
        async with connected(self.url, CONCURRENCY) as connections:

            async def ask_on(connection: Any) -> None:
                for request in following:
                    body = await connection.ask(request)
                    check(connection.status, body)

            await asyncio.gather(*map(ask_on, connections))

    def cpu_seconds(self) -> float:
        """What the gateway has used so far."""
        times = self.gateway.cpu_times()
        return float(times.user + times.system)

    def _clocks(self) -> tuple[float, float]:
        return self.cpu_seconds(), cpu_seconds_with_ended(self.database)


@dataclass(frozen=True, slots=True)
class User:
    """A user of an installation, and the ids of their conversations."""

    token: str
    ids: Sequence[str]

    @classmethod
    async def of(cls, server: Served) -> User:
        """Sign a new user up, and give them conversations with messages."""
        async with aiohttp.ClientSession() as http:

            async def make(mutation: str, selection: str, token: str = "", **values: Any) -> Any:
                kind = mutation[0].upper() + mutation[1:]
                query = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ {selection} }} }}"
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                body = {"query": query, "variables": {"input": values}}
                async with http.post(f"{server.url}/graphql", json=body, headers=headers) as answer:
                    return (await answer.json())["data"][mutation]

            signed_up = await make("signUp", "accessToken", email="bench@example.org", password="many types, one word")
            token, ids = signed_up["accessToken"], []
            for number in range(OBJECTS):
                made = await make("createConversation", "conversation { id }", token, title=f"Conversation {number}")
                ids.append(made["conversation"]["id"])
                for text in ("Hello", "there"):
                    values = {"conversationId": ids[-1], "role": "USER", "content": text}
                    await make("addMessage", "message { id }", token, **values)
            return cls(token, ids)

    def requests(self, server: Served, selection: str) -> list[bytes]:
        """A request for each conversation."""
        query = f"query($id: ID!) {{ {selection} }}"
        bodies = (orjson.dumps({"query": query, "variables": {"id": id}}) for id in self.ids)
        return [encoded(f"{server.url}/graphql", self.token, body) for body in bodies]


def can_count_instructions() -> bool:
    """Whether valgrind is installed."""
    return shutil.which("valgrind") is not None


async def _url(log: asyncio.StreamReader) -> str:
    lines = []
    while line := (await log.readline()).decode():
        lines.append(line)
        if found := _URL.search(line):
            return found[0]
    raise SystemExit("Parley did not start:\n" + "".join(lines))


def _database(data: Path) -> psutil.Process:
    return psutil.Process(int((data / CLUSTER / "postmaster.pid").read_text().split("\n", 1)[0]))
