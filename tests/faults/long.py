"""The runs with faults, as long as one likes: what came of them goes to `RESULTS.md`.

    python -m tests.faults.long --events 100000 --minutes 20
    python -m tests.faults.long --events 2000 --minutes 1 --only faults,hints --seed 7

The results are written after each run, so that one that is interrupted leaves those before it. Everything takes place
on loopback, in directories that are removed, and every run ends when its time is up.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.faults import runs
from tests.faults.chance import SEED
from tests.faults.nemesis import Broker
from tests.faults.report.account import Account
from tests.faults.report.results import written_out
from tests.faults.runs import Size
from tests.faults.servers.nodes import Nodes, nodes_in
from tests.kit.database import data_directory, remove_abandoned
from tests.kit.network.nats_server import NatsServer, nats_server

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True, slots=True)
class StoppedNats:
    """A NATS server that carries the hints."""

    server: NatsServer

    async def stop_for(self, seconds: float) -> None:
        await self.server.kill()
        await asyncio.sleep(seconds)
        await self.server.start()


@dataclass(frozen=True, slots=True)
class Run:
    """One of the runs, its part of all events, and how often it does what it does, for 100,000 events."""

    act: Callable[[Nodes, Size], Awaitable[Account]]
    part: float
    faults: int = 0
    least: int = 1
    """So many faults in the shortest run."""
    pause_seconds: float = 0
    nodes: int = 3
    settings: Mapping[str, str] | None = None

    def size(self, given: argparse.Namespace, progress: Callable[[str], None]) -> Size:
        """How large it is for what was asked for."""
        faults = max(self.least, round(self.faults * given.events / 100_000))
        events = max(100, round(self.part * given.events))
        return Size(events, faults, given.minutes * 60, self.pause_seconds, given.seed, progress)


async def _over_nats(nodes: Nodes, size: Size, broker: Broker | None = None) -> Account:
    account = await runs.under_every_fault(nodes, size, broker)
    account.name += ", hints over NATS"
    return account


async def _stall(nodes: Nodes, size: Size) -> Account:
    return await runs.some_stall(nodes, size, sockets=size.faults, stalled=size.faults // 10)


RUNS = {
    "faults": Run(runs.under_every_fault, 1),
    "nats": Run(_over_nats, 0.1),
    # At a pace that leaves the machine idle now and then: what is measured is the wait, and no queue.
    "hints": Run(runs.without_hints, 0.05, pause_seconds=0.1, nodes=2, settings={"PARLEY_BROKER_URL": "process:"}),
    "cuts": Run(runs.cut_at_random, 0.05, faults=1000, least=100),
    "rolling": Run(runs.rolling_restart, 0.02, faults=5),
    "database": Run(runs.database_killed, 0.02, faults=20, least=3),
    # Each message goes to all sockets: faster writers would only be ahead of those who read.
    "stall": Run(_stall, 0.0015, faults=500, least=50, pause_seconds=4, nodes=1),
}


async def run_all(given: argparse.Namespace) -> bool:
    """Make the runs that were asked for, and say whether all were sound."""
    load, *_ = os.getloadavg()
    accounts: list[Account] = []
    for name in given.only or RUNS:
        try:
            accounts.append(await _run(name, given))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a result, and the next run may do better
            traceback.print_exception(error)
            accounts.append(Account(name, broke_off=f"{type(error).__name__}: {error}"))
        print(accounts[-1], flush=True)
        command = shlex.join(["python", "-m", "tests.faults.long", *sys.argv[1:]])
        today = datetime.datetime.now(datetime.UTC).date()
        RESULTS.write_text(written_out(accounts, command, given.seed, today, load), encoding="utf-8")
    return all(account.is_sound for account in accounts)


async def _run(name: str, given: argparse.Namespace) -> Account:
    run = RUNS[name]
    size = run.size(given, lambda line: print(f"{name}, {line}", flush=True))
    with data_directory() as directory:
        if name != "nats":
            async with nodes_in(directory, run.nodes, run.settings) as nodes:
                return await run.act(nodes, size)
        async with nats_server() as server, nodes_in(directory, run.nodes, {"PARLEY_BROKER_URL": server.url}) as nodes:
            return await _over_nats(nodes, size, StoppedNats(server))


async def _main(given: argparse.Namespace) -> bool:
    task = asyncio.current_task()
    assert task is not None
    # Whoever ends this ends the processes that it started.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run_all(given)


def _names(text: str) -> Sequence[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in RUNS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose from {', '.join(RUNS)}")
    return names


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.long", description=__doc__)
    parser.add_argument(
        "--events", type=int, default=100_000, help="writes of the first run; the others are in proportion"
    )
    parser.add_argument("--minutes", type=float, default=20, help="most minutes of each run")
    parser.add_argument("--seed", type=int, default=SEED, help="of all choices")
    parser.add_argument("--only", type=_names, help=f"some of {','.join(RUNS)}")
    return parser.parse_args()


if __name__ == "__main__":
    remove_abandoned()
    sys.exit(0 if uvloop.run(_main(_arguments())) else 1)
