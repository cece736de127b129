"""`make bench`: what a request costs, next to the same answer by hand, stock Strawberry, and GraphQL servers on Node.

    python -m tests.bench --only parley,ceiling --workloads point,wide --rounds 3 --directory bench-data

A run of everything writes `RESULTS.md`; one that leaves something out only prints. Without `--directory` the data is
made for the run and thrown away.
"""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

import uvloop

from tests.bench.data import data_set
from tests.bench.linear import measure_line
from tests.bench.measure import measure
from tests.bench.memory import measure_memory
from tests.bench.options import chosen, kept_or_temporary
from tests.bench.report import Results, report
from tests.bench.servers import KINDS, started
from tests.bench.workloads import WORKLOADS

RESULTS = Path(__file__).with_name("RESULTS.md")
PARTS = ("comparison", "line", "memory")


async def run(given: argparse.Namespace, directory: Path) -> None:
    """Measure, print, and write it down if it is everything."""
    kinds = chosen(given.only, KINDS, lambda kind: kind.name)
    workloads = chosen(given.workloads, WORKLOADS, lambda workload: workload.name)
    parts = chosen(given.parts, PARTS, str)
    load, *_ = os.getloadavg()
    async with data_set(directory) as data:
        figures = line = memory = None
        async with started(kinds, data) as servers:
            if "comparison" in parts:
                figures = await measure(servers, workloads, data, rounds=given.rounds, seconds=given.seconds)
            parley = next((server for server in servers if server.kind.name == "parley"), None)
            if parley is not None and "line" in parts:
                line = await measure_line(parley, data, seconds=given.seconds)
        if parley is not None and "memory" in parts:
            memory = await measure_memory(data)
        results = Results(_command(given), load, given.rounds, given.seconds, servers, workloads, figures, memory, line)
        text = await report(results, data)
    print(text)
    if (given.only, given.workloads, given.parts) == (None, None, None):
        RESULTS.write_text(text, encoding="utf-8")


def _command(given: argparse.Namespace) -> str:
    """The command to repeat it, without where the data lay."""
    options = {name: getattr(given, name) for name in ("only", "workloads", "parts", "rounds", "seconds")}
    default = vars(_parser().parse_args([]))
    changed = [f"--{name} {value}" for name, value in options.items() if value != default[name]]
    return f"make bench ARGS={shlex.quote(' '.join(changed))}" if changed else "make bench"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"these servers, of {','.join(kind.name for kind in KINDS)}")
    parser.add_argument("--workloads", help=f"these, of {','.join(workload.name for workload in WORKLOADS)}")
    parser.add_argument("--parts", help=f"these, of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count")
    parser.add_argument("--seconds", type=float, default=0.8, help="of each round")
    parser.add_argument("--directory", type=Path, help="where the data is kept, or made if there is none")
    return parser


def main() -> None:
    """Read the options, and run."""
    given = _parser().parse_args()
    with kept_or_temporary(given.directory) as directory:
        uvloop.run(run(given, directory))


if __name__ == "__main__":
    main()
