"""How long a bystander's point read takes beside heavy callers: `python -m tests.bench.fairness`.

The heavy callers send a query of 10,000 messages again and again, without a pause: eight at a time, of one user and of
eight. Their data is made once in the directory and found there by later runs, as for the other benchmarks.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import orjson

from gateway.telemetry.progress import tell
from tests.bench.client import Connection, WrongAnswer, connected, encoded
from tests.bench.data import Caller, DataSet, data_set
from tests.bench.linear import OPERATION, SIZES
from tests.bench.servers import KINDS, Server, started
from tests.bench.workloads import WORKLOADS

HEAVY = 8
GOAL_MS = 100.0
PAUSE_SECONDS = 0.005
"""Between two point reads of the bystander, who is a person and no load."""
DIRECTORY = Path("bench-data")

_PARLEY = next(kind for kind in KINDS if kind.name == "parley")
_POINT = next(workload for workload in WORKLOADS if workload.name == "point")


@dataclass(slots=True)
class Waits:
    """What one kind of neighbours did to the bystander."""

    neighbours: str
    milliseconds: list[float] = field(default_factory=list)
    failed: int = 0
    heavy: Counter[str] = field(default_factory=Counter)
    """How often the heavy callers were answered in which way."""
    heavy_bytes: int = 0

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.milliseconds, n=100)[98]

    def __str__(self) -> str:
        return (
            f"{self.neighbours:34} {len(self.milliseconds):6} reads, {self.failed} failed,"
            f" p50 {statistics.median(self.milliseconds):7.2f} ms, p99 {self.p99:8.2f} ms,"
            f" most {max(self.milliseconds):8.2f} ms; heavy {dict(self.heavy)},"
            f" {self.heavy_bytes / 1e6:.1f} MB"
        )


async def measure(data: DataSet, seconds: float) -> list[Waits]:
    """The bystander alone, beside one user's callers, and beside callers of as many users."""
    bystander, others = data.readers[-1], data.readers[:HEAVY]
    found = []
    for neighbours, heavy in (
        ("nobody", []),
        (f"{HEAVY} callers of one user", [data.historian] * HEAVY),
        (f"{HEAVY} callers of {HEAVY} users", others),
        (f"{HEAVY} of one and {HEAVY} of as many", [data.historian] * HEAVY + others),
    ):
        # A server of its own for each: what the one before has left unfinished is not to be measured.
        async with started([_PARLEY], data) as (server,):
            found.append(await _beside(server, bystander, neighbours, heavy, seconds))
        tell(str(found[-1]))
    return found


async def _beside(server: Server, bystander: Caller, neighbours: str, heavy: Sequence[Caller], seconds: float) -> Waits:
    waits = Waits(neighbours)
    async with connected(server.url, len(heavy) + 1) as (own, *rest):
        await _reads(own, server, bystander, Waits("to warm up"), 0.5)
        load = [asyncio.create_task(_load(each, server, of, waits)) for each, of in zip(rest, heavy, strict=True)]
        await _reads(own, server, bystander, Waits("until the load is there"), min(2.0, seconds) if heavy else 0.0)
        waits.heavy.clear()
        await _reads(own, server, bystander, waits, seconds)
        for task in load:
            task.cancel()
        if load:
            await asyncio.wait(load)
    return waits


async def _reads(own: Connection, server: Server, bystander: Caller, waits: Waits, seconds: float) -> None:
    end, number = perf_counter() + seconds, 0
    while perf_counter() < end:
        request = _PARLEY.request(server.url, _POINT, bystander, number)
        began = perf_counter()
        body = await own.ask(request)
        waits.milliseconds.append((perf_counter() - began) * 1000)
        waits.failed += own.status != 200 or b'"errors"' in body
        number += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def _load(connection: Connection, server: Server, caller: Caller, waits: Waits) -> None:
    conversations, messages = SIZES[-1]
    body = {"query": OPERATION, "variables": {"conversations": conversations, "messages": messages}}
    request = encoded(f"{server.url}/graphql", caller.token, orjson.dumps(body))
    with suppress(WrongAnswer):
        while True:
            answer = await connection.ask(request)
            waits.heavy["refused" if b'"errors"' in answer[:200] else str(connection.status)] += 1
            waits.heavy_bytes = max(waits.heavy_bytes, len(answer))


def _met(found: Sequence[Waits]) -> bool:
    return all(waits.p99 < GOAL_MS and not waits.failed for waits in found)


async def _main(directory: Path, seconds: float) -> None:
    async with data_set(directory) as data:
        found = await measure(data, seconds)
    tell(f"p99 under {GOAL_MS:g} ms beside all of them, and none failed: {'met' if _met(found) else 'NOT met'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, default=DIRECTORY)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    asyncio.run(_main(arguments.directory.absolute(), arguments.seconds))
