"""What goes on in the server: connections, old transactions and slow statements."""

from __future__ import annotations

from gateway.app import connections_of
from gateway.data.setup.roles import quoted
from gateway.doctor.check import Findings, check
from gateway.doctor.finding import NotChecked, warning
from gateway.doctor.installation import Installation, only_row
from gateway.doctor.units import duration, size

BUSY_SHARE = 0.8

LONG_SECONDS = 300.0
"""Parley's own transactions end within 30 seconds. Older ones keep dead rows of all tables from being removed."""

SLOW_MS = 100.0
LEAST_CALLS = 20
MOST_STATEMENTS = 5
SHOWN_CHARACTERS = 120

RETAINED_BYTES = 1024**3

CONNECTIONS = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
       (SELECT sum(setting::integer) FROM pg_settings WHERE name = 'max_connections') AS most,
       (
           SELECT sum(setting::integer) FROM pg_settings
           WHERE name IN ('superuser_reserved_connections', 'reserved_connections')
       ) AS reserved
"""

OLD = """
SELECT pid, usename AS role, coalesce(application_name, '') AS program, state,
       extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds
FROM pg_stat_activity
WHERE datname = current_database()
  AND xact_start < clock_timestamp() - make_interval(secs => $1)
  AND backend_type = 'client backend'
  AND pid <> pg_backend_pid()
ORDER BY xact_start
"""

PREPARED = """
SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::float8 AS seconds
FROM pg_prepared_xacts
WHERE database = current_database() AND prepared < clock_timestamp() - make_interval(secs => $1)
ORDER BY prepared
"""

SLOTS = """
SELECT slot_name AS name, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS bytes
FROM pg_replication_slots
WHERE NOT active AND pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) > $1
ORDER BY slot_name
"""

STATEMENTS_SCHEMA = """
SELECT quote_ident(nspname)
FROM pg_extension
JOIN pg_namespace AS namespace ON namespace.oid = extnamespace
WHERE extname = 'pg_stat_statements'
"""

SLOW = """
SELECT query, calls, mean_exec_time AS mean
FROM {schema}.pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND calls >= $1
  AND mean_exec_time >= $2
ORDER BY calls * mean_exec_time DESC
LIMIT $3
"""


@check("Connections")
async def connections(installation: Installation) -> Findings:
    """Whether there are enough connections, now and at the most."""
    row = await only_row(installation.connection, CONNECTIONS)
    free_for_all = row["most"] - row["reserved"]
    facts = {"used": row["used"], "max_connections": row["most"], "reserved": row["reserved"]}
    if row["used"] > BUSY_SHARE * free_for_all:
        yield warning(
            f"{row['used']} of {free_for_all} connections are in use. When none is left, Parley cannot open more, and "
            "requests wait or fail with OVERLOADED.",
            "Find who has them, lower PARLEY_POOL_SIZE or PARLEY_WORKERS, or raise max_connections and restart "
            "PostgreSQL. As a superuser:",
            sql=f"ALTER SYSTEM SET max_connections = {2 * row['most']};",
            subject="max_connections",
            facts=facts,
        )
    settings = installation.settings
    wanted = settings.workers * connections_of(settings)
    if wanted > free_for_all:
        least = settings.pool_size + (free_for_all - wanted) // settings.workers
        advice = f"export PARLEY_POOL_SIZE={least}" if least >= 1 else ""
        yield warning(
            f"{settings.workers} processes with PARLEY_POOL_SIZE={settings.pool_size} may open {wanted} connections, "
            f"but the server allows {free_for_all}.",
            "Lower PARLEY_POOL_SIZE or PARLEY_WORKERS, or raise max_connections.",
            command=advice,
            subject="PARLEY_POOL_SIZE",
            facts={**facts, "wanted": wanted},
        )


@check("Old transactions")
async def old_transactions(installation: Installation) -> Findings:
    """Transactions and replication slots that keep the server from removing dead rows and old logs."""
    connection = installation.connection
    for row in await connection.fetch(PREPARED, LONG_SECONDS):
        gid = row["gid"].replace("'", "''")
        yield warning(
            f"The transaction {row['gid']} was prepared {duration(row['seconds'])} ago, and has not ended since. Its "
            "locks stay, and dead rows cannot be removed.",
            "If its transaction manager does not know it any more:",
            sql=f"ROLLBACK PREPARED '{gid}';",
            subject=row["gid"],
        )
    for row in await connection.fetch(SLOTS, RETAINED_BYTES):
        name = row["name"].replace("'", "''")
        yield warning(
            f"The replication slot {row['name']} is not in use, and keeps {size(row['bytes'])} of the server's log.",
            "If its standby will not come back, as a superuser:",
            sql=f"SELECT pg_drop_replication_slot('{name}');",
            subject=row["name"],
        )
    for row in await (await installation.seeing_all_sessions()).fetch(OLD, LONG_SECONDS):
        program = f" ({row['program']})" if row["program"] else ""
        yield warning(
            f"A transaction of {quoted(row['role'])}{program} has been open for {duration(row['seconds'])}, and is "
            f"{row['state']}. Until it ends, dead rows of all tables cannot be removed.",
            "If nobody needs it:",
            sql=f"SELECT pg_terminate_backend({row['pid']});",
            subject=str(row["pid"]),
            facts={"seconds": round(row["seconds"])},
        )


@check("Slow statements")
async def slow_statements(installation: Installation) -> Findings:
    """Statements that take long on average, if the server records them."""
    connection = await installation.seeing_all_sessions()
    schema = await connection.fetchval(STATEMENTS_SCHEMA)
    if schema is None:
        raise NotChecked("The extension pg_stat_statements is not installed in this database.")
    for row in await connection.fetch(SLOW.format(schema=schema), LEAST_CALLS, SLOW_MS, MOST_STATEMENTS):
        text = " ".join(row["query"].split())
        shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
        yield warning(
            f"A statement takes {row['mean']:.0f} ms on average ({row['calls']:,} calls): {shown}",
            "Look at its plan with EXPLAIN (ANALYZE, BUFFERS). The table may lack an index or statistics.",
            facts={"mean_ms": round(row["mean"], 1), "calls": row["calls"]},
        )
