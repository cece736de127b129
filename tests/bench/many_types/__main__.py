"""What many types cost: a start, memory, introspection and other reads, and finding an object of any type.

    python -m tests.bench.many_types --types 60 --rounds 7 --seconds 1

Each figure stands beside its goal. CPU figures are those of one request; rounds are interleaved, so ratios are to be
read. Instructions are counted where valgrind is installed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import uvloop

from gateway.data.server.embedded import throw_away_directory
from gateway.telemetry.progress import step
from tests.bench.many_types import finding, standing
from tests.bench.many_types.served import Installation, User


async def run(types: int, rounds: int, seconds: float) -> None:
    """Measure, and print tables."""
    with throw_away_directory("parley-types-") as directory:
        installations, users = [], []
        for count in (0, types):
            installation = Installation.of(count, Path(directory) / str(count))
            with step(f"Making a database with {count} types"):
                async with installation.served() as server:
                    users.append(await User.of(server))
            installations.append(installation)
        await standing.measure(installations, users, rounds, seconds)
        await finding.measure(installations[1], users[1], rounds, seconds)


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
