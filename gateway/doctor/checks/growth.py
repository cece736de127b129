"""What grows: the change feed, the trash, and the database since an earlier examination.

The feed and the trash are estimated from samples of their tables' pages, which are exact for small tables.
"""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator, Mapping

from gateway.data.setup.catalogue import database_id
from gateway.data.setup.roles import SCHEMA, quoted
from gateway.doctor.check import Findings, check
from gateway.doctor.checks.tables import TABLES
from gateway.doctor.finding import Fact, Finding, NotChecked, note, warning
from gateway.doctor.installation import Installation, only_row
from gateway.doctor.units import duration, number, size
from gateway.records import SIZES, keep, kept

SAMPLED_PAGES = 100
"""Pages that are read of each table: thousands of rows."""

PAGE_BYTES = 8192

TRASH_DAYS = 30
"""What lies in the trash for longer is removed, by a job that runs every day."""

LATE_DAYS = 2
"""What should have been removed longer ago than this was missed by the job that removes it."""

PURGE_HOURS = 24
"""A removal that was requested is complete long before: thousands of rows take seconds."""

LARGE_BYTES = 256 * 1024**2
"""Smaller feeds and tables are no reason to act."""

FEED_SHARE = 0.5
USER_SHARE = 0.5
OLD_SHARE = 0.1

FULL_DAYS = 30.0

BASELINE_SECONDS = 86_400
"""Sizes are kept for at least a day before newer ones replace them, so that growth is told over a day or more."""

FEED_SIZES = """
SELECT pg_total_relation_size('parley.changes') AS bytes,
       pg_relation_size('parley.changes') AS heap,
       pg_database_size(current_database()) AS database
"""

FEED = """
WITH sample AS MATERIALIZED (SELECT user_id, at FROM parley.changes TABLESAMPLE SYSTEM ($1))
SELECT (SELECT count(*) FROM sample) AS rows,
       (SELECT min(at) FROM sample) AS oldest,
       (SELECT count(*) FROM sample WHERE at < now() - make_interval(days => 7)) AS week,
       (SELECT count(*) FROM sample WHERE at < now() - make_interval(days => 30)) AS month,
       (SELECT count(*) FROM sample WHERE at < now() - make_interval(days => 90)) AS quarter,
       (SELECT count(*) FROM sample WHERE at < now() - make_interval(days => $2)) AS old,
       (SELECT user_id FROM sample GROUP BY user_id ORDER BY count(*) DESC LIMIT 1) AS user_id,
       (SELECT count(*) FROM sample GROUP BY user_id ORDER BY count(*) DESC LIMIT 1) AS by_user
"""

DELETABLE = """
SELECT class.relname AS name, pg_relation_size(class.oid) AS heap
FROM pg_class AS class
JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
WHERE class.relnamespace = to_regnamespace($1)
  AND class.relkind = 'r'
  AND attribute.attname = 'deleted_at'
  AND NOT attribute.attisdropped
ORDER BY class.relname
"""

PURGES = "parley.purges"

STUCK = """
SELECT job, count(*) AS number, max(now() - since) AS age, (array_agg(what ORDER BY since))[1] AS oldest
FROM (
    SELECT 'purge_trash' AS job, requested_at AS since, format('%s %s', entity, entity_id) AS what FROM parley.purges
    UNION ALL
    SELECT 'purge_accounts', purge_at, format('users %s', id) FROM parley.users WHERE purge_at IS NOT NULL
) AS requested
WHERE since < now() - make_interval(hours => $1)
GROUP BY job
"""


@check("Change feed")
async def change_feed(installation: Installation) -> Findings:
    """How large the feed is, and how old its changes are."""
    connection = await installation.seeing_all_rows()
    sizes = await only_row(connection, FEED_SIZES)
    percent = _percent(sizes["heap"])
    days = installation.settings.feed_days
    row = await only_row(connection, FEED, percent, days + LATE_DAYS)
    rows = row["rows"]
    if not rows:
        return
    share = sizes["bytes"] / sizes["database"]
    age = datetime.datetime.now(datetime.UTC) - row["oldest"]
    facts: dict[str, Fact] = {
        "bytes": sizes["bytes"],
        "share": round(share, 4),
        "rows": _whole(rows, percent),
        "older_than_7_days": _whole(row["week"], percent),
        "older_than_30_days": _whole(row["month"], percent),
        "older_than_90_days": _whole(row["quarter"], percent),
        "feed_days": days,
        "older_than_feed_days": _whole(row["old"], percent),
        "oldest_seconds": round(age.total_seconds()),
        "largest_user": str(row["user_id"]),
        "largest_user_share": round(row["by_user"] / rows, 4),
    }
    yield note(
        f"The feed has about {facts['rows']:,} changes in {size(sizes['bytes'])}, {share:.0%} of the database: "
        f"{row['week'] / rows:.0%} are older than 7 days, {row['month'] / rows:.0%} than 30 days. The oldest is "
        f"{duration(age)} old.",
        facts=facts,
    )
    if sizes["bytes"] < LARGE_BYTES:
        return
    if row["old"] > OLD_SHARE * rows:
        yield warning(
            f"{row['old'] / rows:.0%} of the changes are older than {number(days, 'day')} (PARLEY_FEED_DAYS), and "
            f"should have been removed. The feed takes {share:.0%} of the database.",
            "To remove them now, while parley serve or parley work runs:",
            command="parley jobs run prune_feed",
            facts=facts,
        )
    elif share > FEED_SHARE and days > 1:
        yield warning(
            f"The feed takes {share:.0%} of the database.",
            f"Keep it for less than {days} days: set PARLEY_FEED_DAYS. Clients that come back later read the current "
            "state again.",
            facts=facts,
        )
    if row["by_user"] > USER_SHARE * rows:
        yield note(
            f"About {row['by_user'] / rows:.0%} of the changes are of the user {row['user_id']}.",
            subject=str(row["user_id"]),
        )


@check("Trash")
async def trash(installation: Installation) -> Findings:
    """How many rows are deleted and not removed, by table and age."""
    connection = await installation.seeing_all_rows()
    for table in await connection.fetch(DELETABLE, SCHEMA):
        percent = _percent(table["heap"])
        row = await only_row(connection, _sample_of_trash(table["name"]), percent)
        if not row["deleted"]:
            continue
        age = datetime.datetime.now(datetime.UTC) - row["oldest"]
        deleted = _whole(row["deleted"], percent)
        facts: dict[str, Fact] = {
            "deleted_rows": deleted,
            "share": round(row["deleted"] / row["rows"], 4),
            f"older_than_{TRASH_DAYS}_days": _whole(row["old"], percent),
            "oldest_seconds": round(age.total_seconds()),
        }
        problem = (
            f"{table['name']}: about {deleted:,} deleted rows, {row['deleted'] / row['rows']:.0%} of the table, of "
            f"which {row['old'] / row['deleted']:.0%} were deleted more than {TRASH_DAYS} days ago."
        )
        if row["late"] and table["name"] != "users":
            yield warning(
                problem,
                f"What lies in the trash for {TRASH_DAYS} days should have been removed. To remove it now, while "
                "parley serve or parley work runs:",
                command="parley jobs run purge_trash",
                subject=table["name"],
                facts=facts,
            )
        else:
            yield note(problem, subject=table["name"], facts=facts)


@check("Removals")
async def removals(installation: Installation) -> Findings:
    """Whether what users removed for good goes on being removed."""
    connection = await installation.seeing_all_rows()
    if await connection.fetchval("SELECT to_regclass($1)", PURGES) is None:
        raise NotChecked("This database has no trash.")
    for row in await connection.fetch(STUCK, PURGE_HOURS):
        yield warning(
            f"{number(row['number'], 'removal')} made no progress: due for more than {PURGE_HOURS} hours, and not "
            f"complete. The oldest has been due for {duration(row['age'])}: {row['oldest']}.",
            "If going on with them changes nothing, the log says why. While parley serve or parley work runs:",
            command=f"parley jobs run {row['job']}",
            subject=row["job"],
            facts={"removals": row["number"], "oldest_seconds": round(row["age"].total_seconds())},
        )


def _sample_of_trash(table: str) -> str:
    return f"""
        SELECT count(*) AS rows, count(deleted_at) AS deleted, min(deleted_at) AS oldest,
               count(*) FILTER (WHERE deleted_at < now() - make_interval(days => {TRASH_DAYS})) AS old,
               count(*) FILTER (WHERE deleted_at < now() - make_interval(days => {TRASH_DAYS + LATE_DAYS})) AS late
        FROM {SCHEMA}.{quoted(table)} TABLESAMPLE SYSTEM ($1)
    """  # noqa: S608 - a name from the catalogue


def _percent(heap: int) -> float:
    """How much of a table to sample."""
    return min(100.0, 100.0 * SAMPLED_PAGES * PAGE_BYTES / max(heap, 1))


def _whole(rows: int, percent: float) -> int:
    """The rows of the whole table, from those of the sample."""
    return round(rows * 100 / percent)


@check("Growth")
async def growth(installation: Installation) -> Findings:
    """How much the database has grown since an earlier examination, and when the disk will be full."""
    connection, directory = installation.connection, installation.settings.data_dir
    now, whose = datetime.datetime.now(datetime.UTC), await database_id(connection)
    sizes = {row["name"]: row["bytes"] for row in await connection.fetch(TABLES, SCHEMA)}
    current = {"at": now.isoformat(), "database": whose, "bytes": sizes}
    try:
        before = kept(directory, SIZES)
        if before is None or before.get("database") != whose:
            keep(directory, SIZES, current)
            raise NotChecked("This is the first examination. The next one will tell the growth since then.")
        seconds = (now - datetime.datetime.fromisoformat(before["at"])).total_seconds()
        free = shutil.disk_usage(directory).free if installation.settings.embedded else None
        for finding in grown(before["bytes"], sizes, seconds, free):
            yield finding
        if seconds >= BASELINE_SECONDS:
            keep(directory, SIZES, current)
    except OSError as problem:
        raise NotChecked(
            f"Sizes cannot be kept in {directory}, to compare them the next time: {problem.strerror}."
        ) from None


def grown(before: Mapping[str, int], after: Mapping[str, int], seconds: float, free: int | None) -> Iterator[Finding]:
    """What to say of sizes that changed in so many seconds. `free` is the space on the disk, if that is known."""
    more = sum(after.values()) - sum(before.values())
    if not more:
        return
    most = max(after, key=lambda name: after[name] - before.get(name, 0))
    named = f", most of it in {most} ({size(after[most] - before.get(most, 0))})" if more > 0 else ""
    a_day = more * 86_400 / max(seconds, 1.0)
    yield note(
        f"The tables grew by {size(more)} in {duration(seconds)}{named}."
        if more >= 0
        else f"The tables shrank by {size(-more)} in {duration(seconds)}.",
        facts={"bytes": more, "seconds": round(seconds), "bytes_a_day": round(a_day)},
    )
    if free is not None and seconds >= BASELINE_SECONDS and more > 0 and free < FULL_DAYS * a_day:
        yield warning(
            f"At this rate the disk is full in {duration(free / a_day * 86_400)}.",
            "Remove what is not needed, or enlarge the disk.",
            facts={"days": round(free / a_day, 1), "free_bytes": free},
        )
