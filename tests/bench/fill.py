"""A large data set, made quickly: `python -m tests.bench.fill` fills an embedded server with a million messages.

    python -m tests.bench.fill --users 200 --conversations 50 --messages 100 --directory /var/tmp/parley-bench

Without `--directory` the server and its data are thrown away at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import asyncpg

from gateway.data.embedded import EmbeddedDatabase
from gateway.data.migrate import migrate
from gateway.progress import tell

FILL = Path(__file__).with_name("fill.sql")

COUNTS = """
SELECT relname AS name, reltuples::bigint AS rows, pg_size_pretty(pg_total_relation_size(oid)) AS size
FROM pg_class
WHERE relnamespace = 'parley'::regnamespace AND relkind = 'r' AND reltuples > 0
ORDER BY pg_total_relation_size(oid) DESC
"""


async def fill(owner_url: str, *, users: int, conversations: int, messages: int) -> None:
    """Fill a migrated, empty database. Needs the superuser: the triggers stay off."""
    if messages % 4:
        raise ValueError("messages must be a multiple of four")
    connection = await asyncpg.connect(owner_url)
    try:
        sizes = {"users": users, "conversations": conversations, "messages": messages}
        for name, size in sizes.items():
            await connection.execute("SELECT set_config($1, $2, false)", f"fill.{name}", str(size))
        await connection.execute(FILL.read_text(encoding="utf-8"))
    finally:
        await connection.close()


async def counts(owner_url: str) -> list[tuple[str, int, str]]:
    """Each table with its rows and its size on disk, indexes included."""
    connection = await asyncpg.connect(owner_url)
    try:
        return [(row["name"], row["rows"], row["size"]) for row in await connection.fetch(COUNTS)]
    finally:
        await connection.close()


async def _main(given: argparse.Namespace, directory: Path) -> None:
    database = await EmbeddedDatabase.start(directory)
    try:
        await migrate(database.owner_url)
        began = time.perf_counter()
        await fill(database.owner_url, users=given.users, conversations=given.conversations, messages=given.messages)
        tell(f"Filled in {time.perf_counter() - began:.1f} s:")
        for name, rows, size in await counts(database.owner_url):
            tell(f"  {name:30} {rows:>10,} rows {size:>10}")
    finally:
        await database.stop()


def main() -> None:
    """Read the sizes from the command line, and fill."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--conversations", type=int, default=50, help="of each user")
    parser.add_argument("--messages", type=int, default=100, help="of each conversation; a multiple of four")
    parser.add_argument("--directory", type=Path, help="data directory of an embedded server without data")
    given = parser.parse_args()
    if given.directory is not None:
        asyncio.run(_main(given, given.directory))
    else:
        with tempfile.TemporaryDirectory(prefix="parley-bench-") as temporary:
            asyncio.run(_main(given, Path(temporary)))


if __name__ == "__main__":
    main()
