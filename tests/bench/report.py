"""The results as Markdown: what was measured on what, each goal with its figures, and the raw medians."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import orjson

from tests.bench import linear, memory
from tests.bench.data import SIZE, DataSet
from tests.bench.linear import Line
from tests.bench.measure import CONCURRENCY, WARM_UP, Figures
from tests.bench.memory import Memory
from tests.bench.servers import PEERS, Server, node
from tests.bench.workloads import Workload

CEILING_GOALS = {"thread": 1.0, "wide": 1.0}
CEILING_GOAL = 1.3
STOCK_GOALS = {"wide": 15.0, "point": 4.0}
NODE_PEERS = ("mercurius", "apollo", "postgraphile")
MEGABYTE = 1024 * 1024
_FIGURE = re.compile(r"([-+]?[\d,.]+%?)?")

PYTHON_PACKAGES = (
    "strawberry-graphql",
    "graphql-core",
    "aiohttp",
    "asyncpg",
    "orjson",
    "uvloop",
    "uvicorn",
    "starlette",
)
NPM_PACKAGES = ("mercurius", "graphql-jit", "fastify", "@apollo/server", "dataloader", "postgraphile", "grafast", "pg")


@dataclass(frozen=True, slots=True)
class Results:
    """All that a run has found out; what it left out is None."""

    command: str
    load: float
    """What the machine had to do besides, before the run: the figures of a busy one are not worth much."""
    rounds: int
    seconds: float
    servers: Sequence[Server]
    workloads: Sequence[Workload]
    figures: Figures | None
    memory: Memory | None
    line: Line | None

    @property
    def names(self) -> list[str]:
        return [server.kind.name for server in self.servers]


async def report(results: Results, data: DataSet) -> str:
    """The whole text."""
    today = datetime.datetime.now(datetime.UTC).date()
    sections = [f"# Benchmark\n\nMade on {today} by `{results.command}`.", await _setting(results, data)]
    if results.figures is not None and "parley" in results.names:
        sections += _goals(results, results.figures)
    if results.memory is not None:
        sections.append(_memory(results.memory))
    if results.line is not None:
        sections.append(_line(results.line))
    if results.figures is not None:
        sections.append(_raw(results, results.figures))
    return "\n\n".join(sections) + "\n"


async def _setting(results: Results, data: DataSet) -> str:
    postgresql = await postgresql_version(data)
    rows = [
        ("Machine", machine(results.load)),
        ("Versions", f"{interpreter()}, PostgreSQL {postgresql}, " + ", ".join(_versions(results))),
        (
            "Data",
            f"{SIZE['users']} users of {SIZE['conversations']} conversations of {SIZE['messages']} messages, a tool"
            " execution on every 4th and usage on every 2nd; each caller has two more conversations, of 60 messages",
        ),
        (
            "Load",
            f"{CONCURRENCY} kept connections, 20 callers in turn (20 others write), {results.rounds} interleaved"
            f" rounds of {results.seconds:g} s after {WARM_UP} to warm up, medians; all answers are compared"
            " beforehand; no request is like another",
        ),
        ("CPU", "user and system time of the server's processes and threads, without PostgreSQL and the client"),
    ]
    return table(("what", "how"), rows) + "\n\n" + SERVERS


SERVERS = (
    "`by hand` is `ceiling.py`: aiohttp, asyncpg and orjson, the same statements and row-level security, no GraphQL."
    " `Strawberry` is `stock.py`, as its documentation shows it. The Node servers are in `peers/`. Parley checks signed"
    " tokens and works under row-level security. So do PostGraphile's statements, by `pgSettings`; all but Parley look"
    " tokens up in a table. Strawberry, Mercurius and Apollo Server ask for `user_id = $1` on a role that row-level"
    " security does not bind, which favours them. All but Parley send each statement by itself and commit each message"
    " by itself, as is usual; at Parley, those of different users go together when many come at once."
)


async def postgresql_version(data: DataSet) -> str:
    """Of the server that has the data."""
    connection = await asyncpg.connect(data.database.owner_url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


def machine(load: float) -> str:
    """What everything ran on, with its load before the run."""
    shared = "shared by client, servers and PostgreSQL"
    return f"{processor()}, {os.cpu_count()} cores, {shared}; load before the run {load:.1f}"


def interpreter() -> str:
    """Python's version, and whether it was compiled with profiles, which the Makefile prefers for the same reasons."""
    is_tuned = sys.base_prefix == "/usr" or "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    return f"Python {platform.python_version()} (compiled with{'' if is_tuned else 'out'} profiles)"


def processor() -> str:
    """The name of the machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _versions(results: Results) -> Iterable[str]:
    return versions(PYTHON_PACKAGES, NPM_PACKAGES if set(NODE_PEERS) & set(results.names) else ())


def versions(python_packages: Iterable[str], npm_packages: Iterable[str]) -> Iterable[str]:
    """The installed versions of packages; that of Node too, if any of them run on it."""
    for name in python_packages:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    if npm_packages:
        found = subprocess.run([node(), "--version"], capture_output=True, text=True, check=True)
        yield f"Node {found.stdout.strip().removeprefix('v')}"
        locked = orjson.loads((PEERS / "package-lock.json").read_bytes())["packages"]
        yield from (f"{name} {locked[f'node_modules/{name}']['version']}" for name in npm_packages)


def _goals(results: Results, figures: Figures) -> Iterable[str]:
    if "ceiling" in results.names:
        yield _ceiling(results, figures)
    if "stock" in results.names:
        yield _stock(results, figures)
    if peers := [server for server in results.servers if server.kind.name in NODE_PEERS]:
        yield _node(results, figures, peers)


def _ceiling(results: Results, figures: Figures) -> str:
    rows = []
    for workload in results.workloads:
        hand, own = (figures.median(name, workload.name) for name in ("ceiling", "parley"))
        goal, ratio = CEILING_GOALS.get(workload.name, CEILING_GOAL), own.cpu_ms / hand.cpu_ms
        cells = (f"{hand.cpu_ms:.2f}", f"{own.cpu_ms:.2f}", f"{ratio:.2f}", f"{goal:.1f}", met(ratio <= goal))
        rows.append((workload.title, *cells, f"{own.per_second / hand.per_second:.2f}"))
    head = ("workload", "CPU ms by hand", "CPU ms Parley", "ratio", "at most", "met", "requests/s to by hand")
    return "## Next to a handler written by hand\n\n" + table(head, rows)


def _stock(results: Results, figures: Figures) -> str:
    rows = []
    for workload in results.workloads:
        stock, own = (figures.median(name, workload.name) for name in ("stock", "parley"))
        ratio, wanted = stock.cpu_ms / own.cpu_ms, STOCK_GOALS.get(workload.name)
        verdict = ("", "") if wanted is None else (f"{wanted:.0f}", met(ratio >= wanted))
        rows.append((workload.title, f"{stock.cpu_ms:.2f}", f"{own.cpu_ms:.2f}", f"{ratio:.1f}", *verdict))
    head = ("workload", "CPU ms Strawberry", "CPU ms Parley", "times less", "at least", "met")
    return "## Next to stock Strawberry\n\n" + table(head, rows)


def _node(results: Results, figures: Figures, peers: Sequence[Server]) -> str:
    rows = []
    for workload in results.workloads:
        own = figures.median("parley", workload.name)
        theirs = [figures.median(peer.kind.name, workload.name) for peer in peers]
        cpu = [own.cpu_ms / peer.cpu_ms for peer in theirs]
        speed = [own.per_second / peer.per_second for peer in theirs]
        cells = (f"{part:.2f}" for pair in zip(cpu, speed, strict=True) for part in pair)
        rows.append((workload.title, *cells, met(max(cpu) < 1 < min(speed))))
    head = [f"{what} to {peer.kind.title}" for peer in peers for what in ("CPU", "requests/s")]
    words = "Parley's figures as parts of theirs. The goal: CPU below 1 and requests/s above 1, everywhere.\n\n"
    return f"## Next to servers on Node\n\n{words}" + table(("workload", *head, "met"), rows)


def _memory(found: Memory) -> str:
    rows = [
        ("response of the wide operation", f"{found.response / MEGABYTE:.2f} MB"),
        ("held for it at most at a time, beyond what was held before", f"{found.allocated / MEGABYTE:.2f} MB"),
        ("ratio", f"{found.ratio:.2f}; goal: at most {memory.GOAL:g}, met: {met(found.ratio <= memory.GOAL)}"),
        ("resident, having served a few", f"{found.alone / MEGABYTE:.0f} MB"),
    ]
    for number, wave in enumerate(found.waves, 1):
        sizes = f"{wave.before / MEGABYTE:.0f} MB before, {wave.peak / MEGABYTE:.0f} MB at most"
        answers = ", ".join(f"{count:,} x {what}" for what, count in sorted(wave.answers.items()))
        rows.append(
            (
                f"resident with {memory.REQUESTS:,} in flight, wave {number}",
                f"{sizes}, {wave.after / MEGABYTE:.0f} MB after; answers: {answers}",
            )
        )
    words = (
        "Allocations are those that `tracemalloc` sees, of a process of its own. In the waves a request may wait"
        f" {memory.WAVE_SECONDS} s for a database connection, so that none is refused that could be served.\n\n"
    )
    return f"## Memory\n\n{words}" + table(("what", "how much"), rows)


def _line(line: Line) -> str:
    rows = [
        (f"{count:,}", f"{cost:.2f}", f"{cost * 1000 / count:.1f}", f"{line.deviation(count):+.1%}")
        for count, cost in line.costs_ms.items()
    ]
    figures = table(("messages", "CPU ms", "CPU us a message", "from the line"), rows)
    words = (
        f"Each message with its tool executions. The nearest line: {line.fixed_ms:.2f} ms and"
        f" {line.message_ms * 1000:.1f} us a message. The two largest are at most {line.largest:.1%} from it; goal: at"
        f" most {linear.GOAL:.0%}, met: {met(line.largest <= linear.GOAL)}."
    )
    return f"## How costs grow\n\n{words}\n\n{figures}"


def _raw(results: Results, figures: Figures) -> str:
    rows = []
    for workload in results.workloads:
        for server in results.servers:
            found = figures.median(server.kind.name, workload.name)
            spread = figures.spread(server.kind.name, workload.name)
            speed = f"{found.per_second:,.0f}" if found.per_second >= 100 else f"{found.per_second:.1f}"
            cells = (
                f"{found.cpu_ms:.3f}",
                f"{spread:.0%}",
                speed,
                f"{found.database_ms:.3f}",
                f"{found.client_ms:.3f}",
            )
            rows.append((workload.title, server.kind.title, *cells))
    sizes = ", ".join(f"{workload.title} {figures.sizes[workload.name]:,}" for workload in results.workloads)
    words = (
        "Spread is that of the middle half of the rounds. The last two columns are what a request costs PostgreSQL and"
        f" the client. Bytes of Parley's answers: {sizes}."
    )
    head = ("workload", "server", "CPU ms", "spread", "requests/s", "PostgreSQL CPU ms", "client CPU ms")
    return f"## Medians\n\n{words}\n\n" + table(head, rows)


def met(good: bool) -> str:
    """Whether a goal is met, as the tables say it."""
    return "yes" if good else "**no**"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, with columns of figures aligned to the right."""
    rows = list(rows)
    right = [all(_FIGURE.fullmatch(row[n]) for row in rows) for n in range(len(head))]
    rule = ["---:" if aligned else "---" for aligned in right]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))
