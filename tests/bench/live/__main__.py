"""`make live`: what live subscriptions cost, next to GraphQL servers on Node and stock Strawberry, and their delays.

    python -m tests.bench.live --parts fanout,idle --only parley,graphql_ws --directory bench-data

A run of everything writes `LIVE.md`; one that leaves something out only prints. Without `--directory` the data is made
for the run and thrown away.
"""

from __future__ import annotations

import argparse
import gc
import os
import shlex
from pathlib import Path

import uvloop

from tests.bench.data import data_set
from tests.bench.live import idle
from tests.bench.live.catch_up import measure_catch_up
from tests.bench.live.contenders import CONTENDERS
from tests.bench.live.delivery import measure_delivery
from tests.bench.live.fanout import measure_fanout
from tests.bench.live.idle import measure_idle
from tests.bench.live.people import people
from tests.bench.live.report import Results, report
from tests.bench.live.sockets import room_for
from tests.bench.live.stalled import measure_stalled
from tests.bench.options import chosen, kept_or_temporary

RESULTS = Path(__file__).parent.with_name("LIVE.md")
PARTS = ("fanout", "idle", "delivery", "catchup", "stalled")
SETTINGS = {"track_commit_timestamp": "on"}
"""Of PostgreSQL, which then knows when each message was committed."""


async def run(given: argparse.Namespace, directory: Path) -> None:
    """Measure, print, and write it down if it is everything."""
    kinds = chosen(given.only, CONTENDERS, lambda kind: kind.name)
    parts = chosen(given.parts, PARTS, str)
    load, *_ = os.getloadavg()
    room_for(idle.SOCKETS)
    async with data_set(directory, SETTINGS) as data:
        known = await people(data)
        # Each part has people of its own: what one has written is none of the next one's business.
        gc.freeze()
        results = Results(
            _command(given),
            load,
            await measure_fanout(kinds, data, known[0]) if "fanout" in parts else None,
            await measure_idle(data, known) if "idle" in parts else None,
            await measure_delivery(data, known[100:]) if "delivery" in parts else None,
            await measure_catch_up(data, known[1]) if "catchup" in parts else None,
            await measure_stalled(data, known[2]) if "stalled" in parts else None,
        )
        text = await report(results, data)
    print(text)
    if (given.only, given.parts) == (None, None):
        RESULTS.write_text(text, encoding="utf-8")


def _command(given: argparse.Namespace) -> str:
    """The command to repeat it, without where the data lay."""
    changed = [f"--{name} {value}" for name in ("only", "parts") if (value := getattr(given, name)) is not None]
    return f"make live ARGS={shlex.quote(' '.join(changed))}" if changed else "make live"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"these servers, of {','.join(kind.name for kind in CONTENDERS)}")
    parser.add_argument("--parts", help=f"these, of {','.join(PARTS)}")
    parser.add_argument("--directory", type=Path, help="where the data is kept, or made if there is none")
    return parser


def main() -> None:
    """Read the options, and run."""
    given = _parser().parse_args()
    with kept_or_temporary(given.directory) as directory:
        uvloop.run(run(given, directory))


if __name__ == "__main__":
    main()
