"""PostgreSQL: its version, the settings on which the safety of the data depends, and the way to it."""

from __future__ import annotations

import ipaddress

from gateway.doctor.check import Findings, check
from gateway.doctor.finding import Finding, error, note, warning
from gateway.doctor.installation import Installation, only_row

OLDEST, NEWEST = 14, 18
"""The versions that Parley is tested with."""

RELOAD = "SELECT pg_reload_conf();"

AS_SUPERUSER = "As a superuser:"

UNSAFE = {
    "fsync": "after a crash of the machine the database may be damaged beyond repair",
    "full_page_writes": "after a crash of the machine the database may be damaged beyond repair",
}
"""What may happen if these settings are off."""

RISKY = {
    "synchronous_commit": "writes that were acknowledged may be lost in a crash",
    "autovacuum": "dead rows are never removed, and in the end the server accepts no more writes",
    "track_counts": "autovacuum does not know what to do",
}

SETTINGS = """
SELECT name, setting, source, sourcefile FROM pg_settings WHERE name = ANY ($1) AND setting = 'off' ORDER BY name
"""

WAY = """
SELECT ssl, host(inet_server_addr()) AS server
FROM pg_stat_ssl
WHERE pid = pg_backend_pid()
"""


@check("PostgreSQL version")
async def postgres_version(installation: Installation) -> Findings:
    """Whether Parley supports the version of the server."""
    for finding in support(installation.connection.get_server_version().major):
        yield finding


def support(major: int) -> list[Finding]:
    """What to say of a major version of PostgreSQL."""
    facts = {"major": major}
    if major < OLDEST:
        return [
            error(
                f"The server is PostgreSQL {major}. Parley needs PostgreSQL {OLDEST} or newer.",
                "Upgrade the server.",
                facts=facts,
            )
        ]
    if major > NEWEST:
        return [note(f"Parley is not tested with PostgreSQL {major}, only up to {NEWEST}.", facts=facts)]
    return []


@check("PostgreSQL settings")
async def postgres_settings(installation: Installation) -> Findings:
    """Whether settings are on that keep the data safe."""
    rows = await installation.connection.fetch(SETTINGS, [*UNSAFE, *RISKY])
    for row in rows:
        name = row["name"]
        make, danger = (error, UNSAFE[name]) if name in UNSAFE else (warning, RISKY[name])
        yield make(
            f"{name} is off: {danger}.", AS_SUPERUSER, sql=f"ALTER SYSTEM SET {name} = on; {RELOAD}", subject=name
        )


@check("Connection between Parley and PostgreSQL")
async def database_in_the_clear(installation: Installation) -> Findings:
    """Whether rows travel over a public network without TLS."""
    row = await only_row(installation.serving, WAY)
    if row is None or row["ssl"] or row["server"] is None or not ipaddress.ip_address(row["server"]).is_global:
        return
    yield warning(
        f"PostgreSQL is at the public address {row['server']}, and the connection has no TLS: rows and the password "
        "exchange can be read on the way.",
        "Turn on ssl on the server, and add ?sslmode=verify-full to PARLEY_DATABASE_URL and PARLEY_OWNER_URL.",
        subject="PARLEY_DATABASE_URL",
    )
