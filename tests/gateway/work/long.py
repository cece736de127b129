"""Background work at full size, outside of the test suite. Prints what came of it.

    python -m tests.gateway.work.long --jobs 10000 --changes 1000000 --writers 16 --subscribers 100

First, three processes work off the jobs, and each is killed twice. Then a gateway prunes the changes of a few users,
while others write and follow the same feeds. The latency of a write is compared with that before pruning.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import asyncpg

from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.setup.migrate import migrate
from tests.faults.chance import dice
from tests.faults.servers.process import gateway_in, signed_up
from tests.gateway.work.processes import Works, works_on
from tests.gateway.work.toys import STEPS
from tests.kit.database import Database, data_directory
from tests.kit.serving import Client, Ended

USERS = 4
USERS_WITH_JOBS = 200
BASE_SECONDS = 20.0
WATCH = "subscription($after: Cursor) { messageChanged(after: $after) { message { seq content } } }"


async def work_off(count: int) -> None:
    """Work off jobs while each worker is killed twice."""
    with data_directory() as directory, tempfile.TemporaryDirectory() as keys:
        cluster = await EmbeddedDatabase.start(directory)
        try:
            await migrate(cluster.owner_url)
            database = Database("parley", cluster.owner_url, cluster.runtime_url)
            async with works_on(database, Path(keys)) as works:
                await _work_off(works, count)
        finally:
            await cluster.stop()


async def _work_off(works: Works, count: int) -> None:
    user_ids = [await works.user() for _ in range(USERS_WITH_JOBS)]
    began = time.monotonic()
    for number in range(count):
        await works.ask(user_ids[number % USERS_WITH_JOBS], "steps")
    print(f"enqueued {count} jobs in {time.monotonic() - began:.1f} s", flush=True)
    chance, began, kills = dice("long"), time.monotonic(), 0

    async def lives() -> None:
        nonlocal kills
        worker = await works.start("steps")
        for _ in range(2):
            await asyncio.sleep(chance.uniform(2, 10))
            await worker.kill()
            kills += 1
            await worker.start()

    await asyncio.gather(*(lives() for _ in range(3)))
    async with asyncio.timeout(3600):
        while await works.superuser.fetchval("SELECT count(*) FROM parley_work.pgqueuer"):  # noqa: ASYNC110
            await asyncio.sleep(1)
    seconds = time.monotonic() - began
    states = await works.superuser.fetch("SELECT status, attempts, count(*) FROM jobs GROUP BY 1, 2 ORDER BY 1, 2")
    effects = await works.superuser.fetchval("SELECT count(*) FROM conversations")
    print(f"worked off in {seconds:.0f} s with {kills} kills: {[tuple(row) for row in states]}")
    print(f"effects: {effects}, expected {count * STEPS}", flush=True)


async def prune(changes: int, writers: int, subscribers: int) -> None:
    """Prune changes while others write and follow."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o711)  # noqa: ASYNC240 - if root runs this, the server runs as another account
        settings = {"PARLEY_WORK": "true", "PARLEY_MAX_SUBSCRIPTIONS_PER_USER": "1000"}
        async with gateway_in(directory, settings) as gateway, _without_limit() as http:
            users = [await signed_up(http, gateway) for _ in range(USERS)]
            superuser = await gateway.connect()
            await superuser.execute("SET search_path = parley")
            await _prune(users, superuser, changes, writers, subscribers)
            await superuser.close()


def _without_limit() -> aiohttp.ClientSession:
    """A client that may have any number of connections."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def _prune(
    users: Sequence[Client], superuser: asyncpg.Connection, changes: int, writers: int, subscribers: int
) -> None:
    ids = [(await user.make("createConversation", "conversation"))["id"] for user in users]
    each = changes // len(users)
    olds = []
    for user in users:
        await superuser.execute("UPDATE feeds SET version = version + $2 WHERE user_id = $1", user.user_id, each)
        await superuser.execute("UPDATE changes SET version = version + $2 WHERE user_id = $1", user.user_id, each)
        await superuser.execute(
            "INSERT INTO changes SELECT $1, n, 'messages', gen_random_uuid(), 'insert',"
            " '{\"conversation_id\": null}', now() - interval '40 days' FROM generate_series(1, $2::integer) AS n",
            user.user_id,
            each,
        )
        olds.append("1.10")
    await superuser.execute("VACUUM ANALYZE changes")
    latencies: dict[str, list[float]] = {"before": [], "while pruning": []}
    phase, stopped = "before", asyncio.Event()
    written: Counter[int] = Counter()

    async def write(number: int) -> None:
        which = number % len(users)
        while not stopped.is_set():
            began, of = time.monotonic(), phase
            await users[which].make("addMessage", "message", conversationId=ids[which], role="USER", content="x")
            latencies[of].append(time.monotonic() - began)
            written[which] += 1
            await asyncio.sleep(0.05)

    async def follow(number: int, start: str, seqs: list[int]) -> None:
        async with users[number % len(users)].socket() as socket:
            try:
                async for event in await socket.subscribe(WATCH, after=start):
                    seqs.append(event["messageChanged"]["message"]["seq"])  # noqa: PERF401 - it never ends
            except Ended as ended:
                seqs.append(-1)
                print(f"subscriber {number} ended: {ended}")

    starts = [(await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"] for user in users]
    heard: list[list[int]] = [[] for _ in range(subscribers)]
    following = [
        asyncio.create_task(follow(number, starts[number % len(users)], heard[number])) for number in range(subscribers)
    ]
    writing = [asyncio.create_task(write(number)) for number in range(writers)]
    await asyncio.sleep(BASE_SECONDS)
    phase, began = "while pruning", time.monotonic()
    # The same as `parley jobs run prune_feed`.
    await superuser.execute("UPDATE feed_ages SET oldest_at = '-infinity'")
    await superuser.execute(
        "INSERT INTO parley_work.pgqueuer (priority, status, entrypoint, dedupe_key, headers)"
        " VALUES (0, 'queued', 'prune_feed', 'prune_feed', '{}')"
    )
    waits: list[float] = []
    while await superuser.fetchval("SELECT count(*) FROM parley_work.pgqueuer WHERE entrypoint = 'prune_feed'"):
        longest = await superuser.fetchval(
            "SELECT max(extract(epoch FROM clock_timestamp() - query_start)) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND application_name = 'parley'"
        )
        waits.append(float(longest or 0))
        await asyncio.sleep(0.02)
    seconds = time.monotonic() - began
    stopped.set()
    await asyncio.gather(*writing)
    async with asyncio.timeout(60):
        while any(len(each) < written[number % len(users)] for number, each in enumerate(heard)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    wrong = sum(each != list(range(1, written[number % len(users)] + 1)) for number, each in enumerate(heard))
    left = await superuser.fetchval("SELECT count(*) FROM changes WHERE at < now() - interval '30 days'")
    print(f"pruned {changes} changes in {seconds:.0f} s ({changes / seconds:.0f} a second); {left} old ones left")
    print(f"longest wait for a lock that was seen: {max(waits) * 1000:.0f} ms")
    for name, values in latencies.items():
        values.sort()
        shown = [values[int(len(values) * part)] * 1000 for part in (0.5, 0.99, 0.999)]
        print(
            f"writes {name}: {len(values)}, p50 {shown[0]:.0f} ms, p99 {shown[1]:.0f} ms, p99.9 {shown[2]:.0f} ms, "
            f"longest {values[-1] * 1000:.0f} ms"
        )
    print(f"events heard: {sum(map(len, heard))} by {subscribers} subscribers; {wrong} of them did not hear each once")
    resyncs = 0
    for user, old in zip(users, olds, strict=True):
        async with user.socket() as socket:
            try:
                async with asyncio.timeout(10):
                    async for _ in await socket.subscribe(WATCH, after=old):
                        break
            except Ended as ended:
                resyncs += "RESYNC" in str(ended)
    print(f"old cursors with RESYNC: {resyncs} of {len(users)}", flush=True)


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=1_000_000)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--subscribers", type=int, default=100)
    given = parser.parse_args()
    if given.jobs:
        asyncio.run(work_off(given.jobs))
    if given.changes:
        asyncio.run(prune(given.changes, given.writers, given.subscribers))


if __name__ == "__main__":
    main()
