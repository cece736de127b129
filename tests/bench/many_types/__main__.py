"""What finding an object of any type costs with sixty types, beside finding a conversation.

    python -m tests.bench.many_types --types 60 --rounds 7 --seconds 1

CPU is that of the gateway and of PostgreSQL with all its processes, for one request. Rounds are interleaved, and the
figures to read are the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import psutil
import uvloop

from gateway.data.server.embedded import EmbeddedDatabase, throw_away_directory
from gateway.data.setup.migrate import migrate
from gateway.telemetry.progress import step
from tests.bench.client import connected, drive, encoded
from tests.bench.many_types.throw_away import migrations
from tests.bench.servers import cpu_seconds_with_ended

CONCURRENCY = 16
OBJECTS = 200
GOAL = 1.3
"""How many times the cost of `conversation(id)` that of `node(id)` may be, where the selection names the type."""

CONVERSATION = "conversation(id: $id) { __typename id title createdAt }"
KINDS = {
    "conversation": CONVERSATION,
    "node, one type named": "node(id: $id) { __typename id ... on Conversation { title createdAt } }",
    "node, two types named": "node(id: $id) { id ... on Message { content } ... on Conversation { title createdAt } }",
    "node, another type named": "node(id: $id) { __typename id ... on Message { content } }",
    "node, no type named": "node(id: $id) { __typename id createdAt }",
    "nodes, one type named": "nodes(ids: [$id]) { __typename id ... on Conversation { title createdAt } }",
    "conversation with messages": "conversation(id: $id) { title messages(first: 5) { nodes { id content } } }",
    "node with messages": "node(id: $id) { ... on Conversation { title messages(first: 5) { nodes { id content } } } }",
}


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured, and a user of it."""

    url: str
    gateway: psutil.Process
    database: psutil.Process
    token: str
    ids: list[str]

    def requests(self, selection: str) -> list[bytes]:
        """A request for each object."""
        query = f"query($id: ID!) {{ {selection} }}"
        bodies = (orjson.dumps({"query": query, "variables": {"id": id}}) for id in self.ids)
        return [encoded(f"{self.url}/graphql", self.token, body) for body in bodies]

    def clocks(self) -> tuple[float, float]:
        """CPU seconds of the gateway and of the database."""
        times = self.gateway.cpu_times()
        return times.user + times.system, cpu_seconds_with_ended(self.database)


async def run(types: int, rounds: int, seconds: float) -> None:
    """Measure, and print a table."""
    with throw_away_directory("parley-types-") as directory:
        async with _bench(Path(directory), types) as bench:
            found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
            requests = {kind: bench.requests(selection) for kind, selection in KINDS.items()}
            with step("Measuring"):
                for number in range(-1, rounds):
                    for kind in KINDS:
                        cost = await _round(bench, requests[kind], seconds)
                        if number >= 0:
                            found[kind].append(cost)
    base: dict[str, float] = {}
    print(f"\n{types} types besides Parley's own; CPU in microseconds for one request\n")
    print(f"{'':28}{'gateway':>10}{'database':>10}{'both':>10}{'ratio':>8}")
    for kind, costs in found.items():
        gateway, database = (statistics.median(column) * 1e6 for column in zip(*costs, strict=True))
        base[kind] = gateway + database
        beside = "conversation with messages" if "messages" in kind else "conversation"
        ratio = base[kind] / base[beside]
        print(f"{kind:28}{gateway:10.0f}{database:10.0f}{base[kind]:10.0f}{ratio:8.2f}")


async def _round(bench: Bench, requests: list[bytes], seconds: float) -> tuple[float, float]:
    async with connected(f"{bench.url}/graphql", CONCURRENCY) as connections:
        before = bench.clocks()
        answered = await drive(connections, requests, seconds)
        after = bench.clocks()
    return (after[0] - before[0]) / answered, (after[1] - before[1]) / answered


@asynccontextmanager
async def _bench(directory: Path, types: int) -> AsyncIterator[Bench]:
    with step(f"Making a database with {types} types"):
        database = await EmbeddedDatabase.start(directory / "database")
    try:
        await migrate(database.owner_url)
        await migrate(database.owner_url, directory=migrations(directory, types))
        process = _gateway(directory, database, types)
        try:
            assert process.stdout is not None
            url = (await asyncio.to_thread(process.stdout.readline)).strip()
            token, ids = await _fill(url)
            assert database.process_id is not None
            yield Bench(url, psutil.Process(process.pid), psutil.Process(database.process_id), token, ids)
        finally:
            process.kill()
            process.wait()
    finally:
        await database.stop()


def _gateway(directory: Path, database: EmbeddedDatabase, types: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.many_types.served"]
    arguments = [str(directory), database.runtime_url, database.owner_url, str(types)]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True)


async def _fill(url: str) -> tuple[str, list[str]]:
    async with aiohttp.ClientSession() as http:

        async def make(mutation: str, selection: str, token: str = "", **values: Any) -> Any:
            kind = mutation[0].upper() + mutation[1:]
            query = f"mutation($input: {kind}Input!) {{ {mutation}(input: $input) {{ {selection} }} }}"
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            body = {"query": query, "variables": {"input": values}}
            async with http.post(f"{url}/graphql", json=body, headers=headers) as answer:
                return (await answer.json())["data"][mutation]

        signed_up = await make("signUp", "accessToken", email="bench@example.org", password="many types, one password")
        token, ids = signed_up["accessToken"], []
        for number in range(OBJECTS):
            made = await make("createConversation", "conversation { id }", token, title=f"Conversation {number}")
            ids.append(made["conversation"]["id"])
            for text in ("Hello", "there"):
                values = {"conversationId": ids[-1], "role": "USER", "content": text}
                await make("addMessage", "message { id }", token, **values)
        return token, ids


def main() -> None:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--types", type=int, default=60, help="throw-away types")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each round")
    given = parser.parse_args()
    uvloop.run(run(given.types, given.rounds, given.seconds))


if __name__ == "__main__":
    main()
