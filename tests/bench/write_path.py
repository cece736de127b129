"""Writes a second while 32 users add messages: as Parley does it, and with NOTIFY in the same transaction.

    python -m tests.bench.write_path --rounds 3 --seconds 2

A transaction that notifies takes one lock of the whole server and holds it until its commit is on disk, so such commits
cannot share a flush. That is why Parley's hints go out after the commit. Both are measured on the disk as it is and,
where there is a C compiler, with a disk whose flush takes 1 ms longer (`slow_sync.c`, preloaded into the server).

The client is pgbench: it takes so little CPU that the server's is what the figures are about. It sends what a process
sends: the caller's stamp and the statement of `addMessage`, in one message, as the role that serves requests. It asks
back what the mutation of `make bench` shows. `bare` sends the same stamp and inserts the same row into a table that has
no more than a primary key. Each writer is a user of their own, and writes in their latest conversation. `parley in
groups` has the rows of half of the writers in a transaction, as a process sends them when so many write at once
(`gateway/data/pipeline.py`); the other kinds are what it sends of one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from gateway.data import statements
from gateway.data.driver.connection import _STAMP
from gateway.data.server.embedded import EmbeddedDatabase, throw_away_directory
from gateway.data.server.programs import run
from gateway.data.setup.migrate import migrate
from gateway.telemetry.progress import step
from tests.bench.fill import fill
from tests.bench.report import processor, table
from tests.bench.servers import cpu_seconds_with_ended

WRITERS = 32
USERS = 300
"""Who has written before, 24,000 messages: a table of a page or two would be read whole for each write."""
GOAL = 5.0
"""How many times the writes of `notifying` those of `parley` should be."""

SLOW_SYNC = Path(__file__).with_name("slow_sync.c")

TABLES = """
CREATE TABLE parley.bare (LIKE parley.messages INCLUDING DEFAULTS);
ALTER TABLE parley.bare ADD PRIMARY KEY (user_id, id), ALTER seq SET DEFAULT 1, ALTER version SET DEFAULT 1;
CREATE TABLE parley.writers AS
SELECT row_number() OVER (ORDER BY user_id) - 1 AS number, user_id, conversation_id
FROM (
    SELECT DISTINCT ON (user_id) user_id, id AS conversation_id
    FROM parley.conversations
    WHERE deleted_at IS NULL
    ORDER BY user_id, active_since DESC) AS c;
ANALYZE parley.writers;
GRANT SELECT, INSERT ON parley.bare, parley.writers TO parley_runtime;
"""

CHOOSE_WRITER = r"""
SELECT user_id, conversation_id, user_id AS user_text, '' AS session_id, 'user' AS actor, 'user' AS role,
    'Hello there' AS content
FROM writers WHERE number = :client_id * {rows} + {row} \gset w{row}_
"""

COLUMNS = ("conversation_id", "role", "content")
SHOWN = ("id", "seq", "created_at")
STAMP_NAMES = ("user_text", "session_id", "actor")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one kind of write came to."""

    per_second: float
    cpu_ms: float
    """Of the server and all its processes, for one write."""


@dataclass(frozen=True, slots=True)
class Script:
    """What one transaction of a kind of write sends, for pgbench."""

    text: str
    rows: int = 1
    """Each of another writer."""


def scripts() -> dict[str, Script]:
    """What each kind of write sends."""
    given = ("user_id", *COLUMNS)
    stamp = _of(0, _STAMP, STAMP_NAMES)
    add, bare = (_of(0, statements.insert(name, COLUMNS, SHOWN), given) for name in ("messages", "bare"))
    notify = "SELECT pg_notify('parley', :w0_user_id)"
    insert = statements.insert("messages", COLUMNS, SHOWN)
    rows = [f"{_of(row, _STAMP, STAMP_NAMES)};\n{_of(row, insert, given)}" for row in range(WRITERS // 2)]
    return {
        "bare": Script(_together(stamp, bare)),
        "parley": Script(_together(stamp, add)),
        "notifying": Script(_together(stamp, add, notify)),
        "parley in groups": Script(_together(*rows, rows=len(rows)), len(rows)),
    }


def _of(row: int, statement: str, names: tuple[str, ...]) -> str:
    """The statement with the values of one of the writers of a transaction for its parameters."""
    return re.sub(r"\$(\d+)", lambda found: f":w{row}_{names[int(found[1]) - 1]}", statement)


def _together(*parts: str, rows: int = 1) -> str:
    """Sent as one message, which the server takes as one transaction."""
    chosen = "".join(CHOOSE_WRITER.format(rows=rows, row=row) for row in range(rows))
    sent = "\n".join(f"{part};" for part in parts)
    return f"\\if :known = 0\n{chosen}\\set known 1\n\\endif\n\\startpipeline\n{sent}\n\\endpipeline\n"


async def measure(directory: Path, *, rounds: int, seconds: int) -> dict[str, Figures]:
    """The medians of rounds of all kinds in turn, on a server of their own, after a round to warm up."""
    database = await EmbeddedDatabase.start(directory)
    try:
        await _prepare(database)
        server = psutil.Process(_known(database.process_id))
        found: dict[str, list[Figures]] = {}
        for number in range(rounds + 1):
            for kind, script in scripts().items():
                file = directory / "write.pgbench"
                file.write_text(script.text, encoding="utf-8")
                figures = await asyncio.to_thread(_round, database.runtime_url, file, script.rows, server, seconds)
                if number:
                    found.setdefault(kind, []).append(figures)
        return {kind: _median(each) for kind, each in found.items()}
    finally:
        await database.stop()


async def _prepare(database: EmbeddedDatabase) -> None:
    await migrate(database.owner_url)
    await fill(database.owner_url, users=USERS, conversations=10, messages=8)
    connection = await asyncpg.connect(database.owner_url)
    try:
        await connection.execute(TABLES)
    finally:
        await connection.close()


def _round(url: str, file: Path, rows: int, server: psutil.Process, seconds: int) -> Figures:
    # What it costs to connect and to prepare is left out of the CPU, as pgbench leaves it out of the time.
    clients = WRITERS // rows
    opened, _, opening = _drive(url, file, clients, server, "--transactions=1")
    committed, per_second, cpu = _drive(url, file, clients, server, f"--time={seconds}")
    return Figures(per_second * rows, 1000 * (cpu - opening) / (committed - opened) / rows)


def _drive(url: str, file: Path, clients: int, server: psutil.Process, limit: str) -> tuple[int, float, float]:
    """How many transactions there were, how many a second, and the seconds of CPU that the server used."""
    options = (limit, f"--client={clients}", "--jobs=2", "--protocol=prepared", "--define=known=0", f"--file={file}")
    before = cpu_seconds_with_ended(server)
    told = run("pgbench", "--no-vacuum", *options, url)
    cpu = cpu_seconds_with_ended(server) - before
    return int(_found(r"actually processed: (\d+)", told)), float(_found(r"tps = ([\d.]+)", told)), cpu


def _found(pattern: str, told: str) -> str:
    found = re.search(pattern, told)
    if found is None:
        raise SystemExit(f"pgbench says something else:\n{told}")
    return found[1]


def _known(process_id: int | None) -> int:
    if process_id is None:
        raise SystemExit("PostgreSQL has ended.")
    return process_id


def _median(each: list[Figures]) -> Figures:
    return Figures(statistics.median(one.per_second for one in each), statistics.median(one.cpu_ms for one in each))


@contextmanager
def slow_flush(directory: Path) -> Iterator[bool]:
    """Servers that start inside have a slow disk. False, and they have not, where that cannot be made."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        yield False
        return
    library = directory / "slow_sync.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(SLOW_SYNC), "-ldl"], check=True)
    os.environ["LD_PRELOAD"] = str(library)
    try:
        yield True
    finally:
        del os.environ["LD_PRELOAD"]


def report(disk: str, figures: dict[str, Figures]) -> str:
    """A table of one disk, and the ratio that the goal is about."""
    bare, parley, notifying = (figures[kind] for kind in ("bare", "parley", "notifying"))
    rows = [
        (kind, f"{one.per_second:,.0f}", f"{one.cpu_ms:.3f}", f"{one.per_second / bare.per_second:.2f}")
        for kind, one in figures.items()
    ]
    ratio = parley.per_second / notifying.per_second
    return (
        f"## {disk}\n\n{table(('write', 'a second', 'CPU of the server, ms', 'of bare'), rows)}\n\n"
        f"Parley writes {ratio:.1f} times as often as with NOTIFY in its transaction (goal: {GOAL:g})."
    )


async def main(rounds: int, seconds: int) -> None:
    """Measure on both disks, and print."""
    load, *_ = os.getloadavg()
    print(f"{WRITERS} writers, {processor()}, {os.cpu_count()} cores, load before {load:.1f}")
    with throw_away_directory("parley-bench-") as directory:
        with step("Measuring"):
            print(report("The disk as it is", await measure(directory / "plain", rounds=rounds, seconds=seconds)))
        with slow_flush(directory) as is_slow, step("Measuring with a slow disk"):
            if is_slow:
                print(
                    report(
                        "A flush takes 1 ms longer", await measure(directory / "slow", rounds=rounds, seconds=seconds)
                    )
                )
            else:
                print("There is no C compiler: a slow disk is not measured.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument("--seconds", type=int, default=2, help="of each kind in a round")
    asyncio.run(main(**vars(parser.parse_args())))
