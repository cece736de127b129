"""A large data set, made quickly: `python -m tests.bench.fill` fills an embedded server with a million messages.

    python -m tests.bench.fill --users 200 --conversations 50 --messages 100 --directory bench-data

Without `--directory` the server and its data are thrown away at the end. What the first pages cost is told then, as
rows, blocks read and milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from gateway.data import statements
from gateway.data.clauses.order import Order
from gateway.data.queries import sql
from gateway.data.server.embedded import EmbeddedDatabase, throw_away_directory
from gateway.data.setup.migrate import migrate
from gateway.data.statements import Source
from gateway.telemetry.progress import tell

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


INBOX = statements.page(
    Source("conversations", "user_id", deletable=True),
    Order(("active_since", "id"), (True, True), (False, False)),
    False,
    (),
    None,
    ("id", "title", "active_since"),
)
THREAD = statements.page(
    Source("messages", "conversation_id", deletable=True),
    Order(("seq",), (False,), (False,)),
    False,
    (),
    None,
    ("id", "seq", "role", "content"),
)
TOOLS = statements.page(
    Source("tool_executions", "message_id", deletable=True),
    Order(("created_at", "id"), (False, False), (False, False)),
    False,
    (),
    None,
    ("id", "status"),
)


async def first_pages(database: EmbeddedDatabase) -> list[str]:
    """What a user's first pages cost when they are in memory, as the role that serves finds it."""
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    reader = await asyncpg.connect(database.runtime_url, server_settings={"search_path": "parley"})
    try:
        await owner.execute("VACUUM (ANALYZE)")
        ((user_id, conversation_id),) = await owner.fetch(
            "SELECT user_id, id FROM conversations WHERE deleted_at IS NULL ORDER BY id OFFSET 500 LIMIT 1"
        )
        await reader.execute("SELECT set_config('app.user_id', $1, false)", str(user_id))
        listed = await reader.fetch(THREAD, user_id, [conversation_id], 50)
        waiting = sql.feed.changes.waiting
        feed = waiting.arguments(None, {"names": str(user_id), "versions": [1000], "most": 500})
        asked: dict[str, tuple[str, list[Any]]] = {
            "inbox": (INBOX, [user_id, [user_id], 51]),
            "thread": (THREAD, [user_id, [conversation_id], 51]),
            "tools of 50 messages": (TOOLS, [user_id, [row["id"] for row in listed], 51]),
            "500 changes of a feed": (waiting.text, feed),
        }
        return [f"{name:24} {await _cost(reader, text, *arguments)}" for name, (text, arguments) in asked.items()]
    finally:
        await reader.close()
        await owner.close()


async def _cost(connection: asyncpg.Connection, text: str, *arguments: Any) -> str:
    explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}"
    for _ in range(3):
        (found,) = orjson.loads(await connection.fetchval(explained, *arguments))
    plan = found["Plan"]
    blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    scans = ", ".join(sorted({node["Index Name"] for node in _nodes(plan) if "Index Name" in node}))
    whole = ", ".join(sorted({node["Relation Name"] for node in _nodes(plan) if node["Node Type"] == "Seq Scan"}))
    time = found["Execution Time"]
    return f"{plan['Actual Rows']:6.0f} rows {blocks:6} blocks {time:8.3f} ms by {scans}{whole and f'; ALL OF {whole}'}"


def _nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for below in plan.get("Plans", ()) for node in _nodes(below))]


async def _main(given: argparse.Namespace, directory: Path) -> None:
    database = await EmbeddedDatabase.start(directory)
    try:
        await migrate(database.owner_url)
        began = time.perf_counter()
        await fill(database.owner_url, users=given.users, conversations=given.conversations, messages=given.messages)
        tell(f"Filled in {time.perf_counter() - began:.1f} s:")
        for name, rows, size in await counts(database.owner_url):
            tell(f"  {name:30} {rows:>10,} rows {size:>10}")
        tell("First pages, from memory:")
        for line in await first_pages(database):
            tell(f"  {line}")
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
        with throw_away_directory("parley-bench-") as temporary:
            asyncio.run(_main(given, temporary))


if __name__ == "__main__":
    main()
