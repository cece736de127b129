"""What many types cost although nobody asks for them: the start, memory, introspection, and reads of other types.

The start and introspection are timed by the clock, which needs a machine that is otherwise idle. The gateway's CPU
stands below them.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import orjson
from graphql import get_introspection_query

from gateway.telemetry.progress import step
from tests.bench.many_types.finding import CONVERSATION
from tests.bench.many_types.served import Installation, Served, User, can_count_instructions

STARTS = 3
REQUESTS = 640
WARM_UP = 200
WINDOWS = 3
"""In how many windows instructions are counted. The least counts, since background work adds to some."""
START_SECONDS = 4.0
RESIDENT_MIB = 160
INTROSPECTION_MS = 150
READ_RATIO = 1.03

_INTROSPECTION = orjson.dumps({"query": get_introspection_query(input_value_deprecation=True, schema_description=True)})


@dataclass(frozen=True, slots=True)
class Standing:
    """The figures of one installation: medians of several starts."""

    start_seconds: float
    start_cpu_seconds: float
    resident_mib: float
    """After the introspection and the reads."""
    first_introspection_ms: float
    first_introspection_cpu_ms: float
    introspection_ms: float
    """When it is asked again."""
    introspection_mib: float


async def measure(installations: Sequence[Installation], users: Sequence[User], rounds: int, seconds: float) -> None:
    """Measure installations without and with types, and print a table."""
    with step("Measuring the start, memory and introspection"):
        found = [await _standing(*each) for each in zip(installations, users, strict=True)]
    with step("Measuring the CPU of point reads"):
        gateway, both = await _cpu(installations, users, rounds, seconds)
    rows = [
        ("warm start, s", [each.start_seconds for each in found], f"{START_SECONDS:g}"),
        ("  of it CPU of the gateway, s", [each.start_cpu_seconds for each in found], ""),
        ("resident memory, MiB", [each.resident_mib for each in found], f"{RESIDENT_MIB}"),
        ("first introspection, ms", [each.first_introspection_ms for each in found], f"{INTROSPECTION_MS}"),
        ("  of it CPU of the gateway, ms", [each.first_introspection_cpu_ms for each in found], ""),
        ("introspection again, ms", [each.introspection_ms for each in found], f"{INTROSPECTION_MS}"),
        ("  its size, MiB", [each.introspection_mib for each in found], ""),
        ("point read, CPU of the gateway", [1.0, gateway], f"{READ_RATIO}"),
        ("point read, CPU with PostgreSQL", [1.0, both], f"{READ_RATIO}"),
    ]
    if can_count_instructions():
        with step("Counting the instructions of point reads"):
            counts = [await _instructions(*each) for each in zip(installations, users, strict=True)]
        rows.append(("point read, instructions", [1.0, counts[1] / counts[0]], f"{READ_RATIO}"))
        rows.append(("  of the gateway, thousands", [count / 1000 for count in counts], ""))
    counts_of_types = "".join(f"{each.types:>10}" for each in installations)
    print(f"\n{'throw-away types':34}{counts_of_types}{'goal':>10}")
    for name, (without, with_types), goal in rows:
        print(f"{name:34}{without:10.4g}{with_types:10.4g}{goal:>10}")


async def _standing(installation: Installation, user: User) -> Standing:
    found = []
    for _ in range(STARTS):
        async with installation.served() as server:
            started = server.cpu_seconds()
            first, size = await _introspected(server)
            answered = server.cpu_seconds()
            again, _ = await _introspected(server)
            await server.answered(user.requests(server, CONVERSATION), REQUESTS)
            resident = server.gateway.memory_info().rss
        times = (server.seconds_to_start, started)
        introspection = (first, (answered - started) * 1000, again, size / 2**20)
        found.append((*times, resident / 2**20, *introspection))
    return Standing(*(statistics.median(column) for column in zip(*found, strict=True)))


async def _introspected(server: Served) -> tuple[float, int]:
    began = perf_counter()
    answer = await server.ask(_INTROSPECTION)
    return (perf_counter() - began) * 1000, len(answer)


async def _cpu(
    installations: Sequence[Installation], users: Sequence[User], rounds: int, seconds: float
) -> tuple[float, float]:
    """How many times the CPU of the first installation the second takes: the gateway's, and that of both processes."""
    gateways, both = [], []
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(each.served()) for each in installations]
        requests = [user.requests(server, CONVERSATION) for user, server in zip(users, servers, strict=True)]
        for number in range(-1, rounds):
            costs = [await server.cost(asked, seconds) for server, asked in zip(servers, requests, strict=True)]
            if number >= 0:
                gateways.append(costs[1][0] / costs[0][0])
                both.append(sum(costs[1]) / sum(costs[0]))
    return statistics.median(gateways), statistics.median(both)


async def _instructions(installation: Installation, user: User) -> float:
    """The instructions that the gateway executes for one point read."""
    with tempfile.TemporaryDirectory(prefix="parley-instructions-") as folder:
        file = Path(folder) / "counts"
        options = ("--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={file}.%p")
        async with installation.served("valgrind", "--quiet", *options) as server:
            requests = user.requests(server, CONVERSATION)
            await server.answered(requests, WARM_UP)
            await _control(server, "--instr=on")
            for _ in range(WINDOWS):
                await _control(server, "--zero")
                await server.answered(requests, REQUESTS)
                await _control(server, "--dump")
            await _control(server, "--instr=off")
        dumps = [Path(f"{file}.{server.gateway.pid}.{number}") for number in range(1, WINDOWS + 1)]
        return min(map(_total, dumps)) / REQUESTS


async def _control(server: Served, option: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "callgrind_control",
        option,
        str(server.gateway.pid),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await process.wait()


def _total(dump: Path) -> int:
    lines = dump.read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("totals:")))
