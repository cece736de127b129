"""The tables: their sizes and growth, dead rows, statistics, cache and transaction ids.

All numbers are PostgreSQL's estimates, so that large tables are never counted.
"""

from __future__ import annotations

import asyncpg

from gateway.data.setup.roles import SCHEMA
from gateway.doctor.check import Findings, check
from gateway.doctor.finding import note, warning
from gateway.doctor.installation import Installation, only_row
from gateway.doctor.units import size

MOST_LISTED = 10
LISTED_BYTES = 1024**2
"""Smaller tables are not listed."""

DEAD_SHARE, LEAST_DEAD = 0.3, 10_000
"""Autovacuum begins at a fifth, so more dead rows mean that it does not keep up."""

LEAST_UNKNOWN_BYTES = 1024**2
"""Smaller tables need no statistics."""

BLOAT_SHARE, LEAST_BLOAT_BYTES = 0.5, 256 * 1024**2

HIT_RATIO, LEAST_READS = 0.95, 100_000

OLD_IDS, MOST_IDS = 1_000_000_000, 2_000_000_000
"""The server accepts no more writes shortly before the second."""

TABLES = """
SELECT class.oid,
       class.relname AS name,
       format('%I.%I', namespace.nspname, class.relname) AS table,
       pg_total_relation_size(class.oid) AS bytes,
       pg_relation_size(class.oid) AS heap,
       class.reltuples::float8 AS rows,
       coalesce(stat.n_live_tup, 0) AS live,
       coalesce(stat.n_dead_tup, 0) AS dead,
       to_char(greatest(stat.last_vacuum, stat.last_autovacuum) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') AS vacuumed,
       to_char(greatest(stat.last_analyze, stat.last_autoanalyze) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')
           AS analyzed,
       'autovacuum_enabled=false' = ANY (class.reloptions) OR 'autovacuum_enabled=off' = ANY (class.reloptions)
           AS neglected,
       -- pg_stats is empty for roles that a policy of the table applies to.
       (SELECT sum(avg_width) FROM pg_stats WHERE schemaname = namespace.nspname AND tablename = class.relname)::float8
           AS width,
       coalesce(substring(array_to_string(class.reloptions, ',') FROM 'fillfactor=(\\d+)')::integer, 100) AS fillfactor
FROM pg_class AS class
JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
LEFT JOIN pg_stat_all_tables AS stat ON stat.relid = class.oid
WHERE starts_with(namespace.nspname, $1) AND class.relkind = 'r'
ORDER BY bytes DESC
"""

ROW_OVERHEAD = 28
"""Bytes of each row beside its columns, in the heap."""

HITS = """
SELECT coalesce(sum(heap_blks_hit), 0)::float8 AS heap_hit, coalesce(sum(heap_blks_read), 0)::float8 AS heap_read,
       coalesce(sum(idx_blks_hit), 0)::float8 AS index_hit, coalesce(sum(idx_blks_read), 0)::float8 AS index_read
FROM pg_statio_all_tables
WHERE starts_with(schemaname, $1)
"""

AGES = """
SELECT age(datfrozenxid) AS transactions, mxid_age(datminmxid) AS multis
FROM pg_database
WHERE datname = current_database()
"""


async def _tables(installation: Installation) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await installation.connection.fetch(TABLES, SCHEMA)
    return rows


@check("Table sizes")
async def table_sizes(installation: Installation) -> Findings:
    """The largest tables, with their indexes."""
    rows = await _tables(installation)
    total = sum(row["bytes"] for row in rows)
    yield note(f"{len(rows)} tables take {size(total)}.", facts={"tables": len(rows), "bytes": total})
    for row in rows[:MOST_LISTED]:
        if row["bytes"] < LISTED_BYTES:
            break
        count = f"about {row['rows']:,.0f} rows" if row["rows"] >= 0 else "rows not counted yet"
        yield note(
            f"{row['table']}: {size(row['bytes'])}, {count}, {row['dead']:,} dead. Vacuumed: "
            f"{row['vacuumed'] or 'never'}; analyzed: {row['analyzed'] or 'never'}.",
            subject=row["name"],
            facts={
                "bytes": row["bytes"],
                "rows": round(row["rows"]) if row["rows"] >= 0 else None,
                "dead_rows": row["dead"],
                "vacuumed_at": row["vacuumed"],
                "analyzed_at": row["analyzed"],
            },
        )


@check("Dead rows")
async def dead_rows(installation: Installation) -> Findings:
    """Tables that autovacuum neglects or cannot keep up with."""
    for row in await _tables(installation):
        table = row["table"]
        if row["neglected"]:
            yield warning(
                f"Autovacuum is off for {table}, so its dead rows are never removed.",
                sql=f"ALTER TABLE {table} RESET (autovacuum_enabled);",
                subject=row["name"],
            )
        if row["dead"] > LEAST_DEAD and row["dead"] > DEAD_SHARE * (row["live"] + row["dead"]):
            yield warning(
                f"{table} has {row['dead']:,} dead rows beside {row['live']:,} live ones. Last vacuum: "
                f"{row['vacuumed'] or 'never'}. An old transaction may keep them, or autovacuum is too slow.",
                sql=f"VACUUM (ANALYZE) {table};",
                subject=row["name"],
                facts={"dead_rows": row["dead"], "live_rows": row["live"]},
            )


@check("Statistics")
async def statistics(installation: Installation) -> Findings:
    """Tables that the planner knows nothing about, as after a restore."""
    for row in await _tables(installation):
        if row["rows"] < 0 and row["heap"] >= LEAST_UNKNOWN_BYTES:
            yield warning(
                f"{row['table']} ({size(row['heap'])}) was never analyzed, so queries may get bad plans.",
                sql=f"ANALYZE {row['table']};",
                subject=row["name"],
            )


@check("Bloat")
async def bloat(installation: Installation) -> Findings:
    """Tables that are much larger than their rows, by the average widths of the columns."""
    rows = await _tables(installation)
    for row in rows:
        if row["width"] is None or row["rows"] <= 0:
            continue
        needed = row["rows"] * (row["width"] + ROW_OVERHEAD) * 100 / row["fillfactor"]
        wasted = row["heap"] - needed
        if wasted > LEAST_BLOAT_BYTES and wasted > BLOAT_SHARE * row["heap"]:
            yield warning(
                f"{row['table']} takes {size(row['heap'])}, of which about {size(wasted)} are empty.",
                "New rows fill the space, so this only matters if the disk is full. In a maintenance window, because "
                "it locks the table for minutes:",
                sql=f"VACUUM (FULL, ANALYZE) {row['table']};",
                subject=row["name"],
                facts={"bytes": row["heap"], "empty_bytes": round(wasted)},
            )
    if any(row["width"] is None for row in rows if row["rows"] > 0):
        await installation.seeing_all_rows()


@check("Cache hits")
async def cache_hits(installation: Installation) -> Findings:
    """Whether the tables and indexes in use fit into the server's memory."""
    row = await only_row(installation.connection, HITS, SCHEMA)
    for what in ("heap", "index"):
        hit, read = row[f"{what}_hit"], row[f"{what}_read"]
        if hit + read >= LEAST_READS and hit < HIT_RATIO * (hit + read):
            ratio = hit / (hit + read)
            yield warning(
                f"Only {ratio:.1%} of {'table' if what == 'heap' else 'index'} pages were found in the server's cache "
                f"instead of {HIT_RATIO:.0%} or more, since its statistics were reset.",
                "Raise shared_buffers to a quarter of the machine's memory, or give it more memory. To measure anew, "
                "as a superuser:",
                sql="SELECT pg_stat_reset();",
                subject=what,
                facts={"ratio": round(ratio, 4)},
            )


@check("Transaction ids")
async def transaction_ids(installation: Installation) -> Findings:
    """Whether vacuum removes old transaction ids in time."""
    row = await only_row(installation.connection, AGES)
    oldest = max(row["transactions"], row["multis"])
    if oldest > OLD_IDS:
        yield warning(
            f"The oldest transaction id is {oldest:,} transactions old. At {MOST_IDS:,} the server stops writing. "
            "Autovacuum does not keep up, or an old transaction or replication slot holds it back.",
            "As a superuser, in each database of the server:",
            sql="VACUUM (FREEZE);",
            facts={"age": oldest},
        )
