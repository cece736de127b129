"""Jobs are removed a month after they ended, and what exports have stored after a week."""

from __future__ import annotations

import datetime
import uuid

import asyncpg
import pytest

from gateway.data.queries import sql
from resolvers.accounts.export import MOST_PARTS, expire_exports
from resolvers.removal.expiry import expire
from tests.kit.database import Database
from tests.kit.rows import unchanged
from tests.kit.serving import Client
from tests.work.running import ran

ENDED = """
    UPDATE jobs
    SET status = $3, finished_at = clock_timestamp() - make_interval(days => $4),
        created_at = created_at - interval '2 days'
    WHERE user_id = $1 AND id = $2
"""
STORE = """
    INSERT INTO export_parts (user_id, job_id, position, file, content, size, done)
    SELECT $1, $2, n, 'A.jsonl', 'x', 1, n FROM generate_series(0, $3 - 1) AS n
"""


async def job(superuser: asyncpg.Connection, user: Client, status: str, days: int, parts: int = 0) -> str:
    """An export that ended so many days ago, and has so many parts."""
    id: str = (await user.make("exportAccount", "job"))["id"]
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(STORE, user.user_id, id, parts)
        await superuser.execute(ENDED, user.user_id, id, status, days)
    return id


async def jobs_of(user: Client) -> list[str]:
    found = await user.data("{ viewer { jobs { nodes { id } } } }")
    return sorted(each["id"] for each in found["viewer"]["jobs"]["nodes"])


async def parts_of(superuser: asyncpg.Connection, id: str) -> int:
    number: int = await superuser.fetchval("SELECT count(*) FROM export_parts WHERE job_id = $1", id)
    return number


async def test_jobs_are_removed_thirty_days_after_their_end(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    old = [await job(superuser, user, status, 31, parts=1) for status in ("done", "failed", "cancelled")]
    kept = [await job(superuser, user, "done", 29), (await user.make("exportAccount", "job"))["id"]]
    head = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    assert uuid.UUID(user.user_id) in await ran(expire, database)
    assert await jobs_of(user) == sorted(kept)
    told = await user.data("query($after: Cursor!) { changes(after: $after) { nodes { op id } } }", after=head)
    assert sorted((each["op"], each["id"]) for each in told["changes"]["nodes"]) == sorted(
        ("DELETED", id) for id in old
    )
    assert [await parts_of(superuser, id) for id in old] == [0, 0, 0]
    assert await ran(expire, database) == set()


async def test_what_is_stored_of_an_export_is_removed_when_its_link_ends(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    many = MOST_PARTS + 5
    old, young = await job(superuser, user, "done", 8, many), await job(superuser, user, "done", 6, many)
    failed, cancelled = await job(superuser, user, "failed", 0, many), await job(superuser, user, "cancelled", 0, 3)
    running = (await user.make("exportAccount", "job"))["id"]
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(STORE, user.user_id, running, many)
    jobs = await jobs_of(user)
    version = await superuser.fetchval("SELECT version FROM feeds WHERE user_id = $1", user.user_id)
    await ran(expire_exports, database)
    left = [await parts_of(superuser, id) for id in (old, young, failed, cancelled, running)]
    assert left == [0, many, 0, 0, many]
    assert await jobs_of(user) == jobs
    assert await superuser.fetchval("SELECT version FROM feeds WHERE user_id = $1", user.user_id) == version


EXPIRING = """
SELECT proname, substring(obj_description(oid, 'pg_proc') FROM ', ''([^'']*)''\\);$')::interval AS kept
FROM pg_proc
WHERE pronamespace = 'parley'::regnamespace AND obj_description(oid, 'pg_proc') LIKE 'Made by SELECT add_expiry(%'
"""


ENDED_NOW = (
    "UPDATE sessions SET expires_at = now() - interval '1 hour' WHERE user_id = $1",
    "UPDATE agent_tokens SET revoked_at = now() - interval '1 hour' WHERE user_id = $1",
    "UPDATE usage_reservations SET expires_at = now() - interval '1 hour' WHERE user_id = $1",
    "UPDATE changes SET at = now() - interval '20 hours' WHERE user_id = $1",
    "UPDATE feed_ages SET oldest_at = now() - interval '20 hours' WHERE user_id = $1",
)


async def test_no_call_removes_what_is_kept_longer(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    made = await superuser.fetch(EXPIRING)
    assert len(made) >= 5
    assert [row["proname"] for row in made if row["kept"] < datetime.timedelta(days=1)] == []
    for days in (0, 6):
        await job(superuser, user, "done", days, parts=2)
    await user.agent("read")
    await user.make("reserveUsage", "usageReservation", provider="openai", model="a", estimatedCostUsd="1")
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        for text in ENDED_NOW:
            await superuser.execute(text, user.user_id)
    settings = {"search_path": "parley", "app.work": "on"}
    connection = await asyncpg.connect(database.runtime_url, server_settings=settings)
    try:
        async with unchanged(superuser, user.user_id):
            for name in (*(row["proname"] for row in made), "exports_expire", "feed_prune"):
                for _ in range(50):  # other tests have left more
                    if not await connection.fetch(f"SELECT {name}('-100 years', 1000)"):
                        break
    finally:
        await connection.close()


async def test_a_job_does_not_end_while_a_part_is_added(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    id = (await user.make("exportAccount", "job"))["id"]
    part = {"job_id": id, "position": 0, "file": "A.jsonl", "content": b"", "size": 0, "last_id": None, "done": 0}
    async with superuser.transaction():
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
        await superuser.execute("UPDATE jobs SET status = 'running' WHERE id = $1", id)
    other = await asyncpg.connect(database.owner_url)
    try:
        async with superuser.transaction():
            assert await superuser.fetch(sql.export.part.add.text, *sql.export.part.add.arguments(user.user_id, part))
            with pytest.raises(asyncpg.LockNotAvailableError):
                await other.execute("SELECT FROM parley.jobs WHERE id = $1 FOR NO KEY UPDATE NOWAIT", id)
    finally:
        await other.close()


async def test_the_last_parts_are_removed_first(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    await ran(expire_exports, database)  # what other tests have left
    id = await job(superuser, user, "failed", 0, 5)
    await superuser.execute("SELECT set_config('app.work', 'on', false)")
    await superuser.execute("SELECT exports_expire('7 days', 2)")
    await superuser.execute("SELECT set_config('app.work', '', false)")
    left = await superuser.fetch("SELECT position FROM export_parts WHERE job_id = $1 ORDER BY position", id)
    assert [row["position"] for row in left] == [0, 1, 2]
