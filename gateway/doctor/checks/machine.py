"""The machine that Parley runs on: its clock, its disk and its Python."""

from __future__ import annotations

import datetime
import importlib.util
import shutil
import sys
import sysconfig

from gateway.doctor.check import Findings, check
from gateway.doctor.finding import Finding, NotChecked, error, note, warning
from gateway.doctor.installation import Installation, only_row
from gateway.doctor.units import duration, number, size

MOST_SKEW_SECONDS = 2.0

LOW_SHARE, LOW_BYTES = 0.10, 2 * 1024**3
"""Free space is low if it is below both."""

CRITICAL_BYTES = 256 * 1024**2
"""PostgreSQL stops when it cannot write its log any more, which takes 16 MB at a time."""

AHEAD = """
SELECT count(*) AS users, max(latest_since) - clock_timestamp() AS ahead
FROM parley.feeds
WHERE latest_since > clock_timestamp() + make_interval(secs => $1)
"""

SET_THE_CLOCK = "Synchronise both machines, for example with: timedatectl set-ntp true"


@check("Clock")
async def clock(installation: Installation) -> Findings:
    """Whether this machine and the database agree about the time."""
    connection = installation.connection
    before = datetime.datetime.now(datetime.UTC)
    theirs = await connection.fetchval("SELECT clock_timestamp()")
    after = datetime.datetime.now(datetime.UTC)
    for finding in skew(theirs - (before + (after - before) / 2)):
        yield finding
    row = await only_row(await installation.seeing_all_rows(), AHEAD, MOST_SKEW_SECONDS)
    if row["users"]:
        yield warning(
            f"The latest conversations of {number(row['users'], 'user')} became active up to {duration(row['ahead'])} "
            "in the future: the clock of the database was ahead then.",
            f"Until that time is past, new activity is dated after it. {SET_THE_CLOCK}",
            facts={"users": row["users"], "ahead_seconds": round(row["ahead"].total_seconds(), 3)},
        )


def skew(ahead: datetime.timedelta) -> list[Finding]:
    """What to say if the database is this far ahead of this machine."""
    seconds = ahead.total_seconds()
    if abs(seconds) <= MOST_SKEW_SECONDS:
        return []
    which = "ahead of" if seconds > 0 else "behind"
    return [
        warning(
            f"The clock of the database is {duration(abs(seconds))} {which} that of this machine, so tokens and leases "
            "expire too early or too late.",
            SET_THE_CLOCK,
            facts={"ahead_seconds": round(seconds, 3)},
        )
    ]


@check("Disk space")
async def disk_space(installation: Installation) -> Findings:
    """Whether the data directory has room. The disk of a database on another machine cannot be seen."""
    directory = installation.settings.data_dir
    try:
        usage = shutil.disk_usage(directory)
    except OSError as problem:
        raise NotChecked(f"{directory}: {problem.strerror}.") from None
    for finding in space(str(directory), usage.total, usage.free):
        yield finding
    if not installation.settings.embedded:
        raise NotChecked("The disk of the database is seen on its own machine only.")


def space(directory: str, total: int, free: int) -> list[Finding]:
    """What to say of a disk of this size with so much free space."""
    problem = f"The disk of {directory} has {size(free)} of {size(total)} left."
    facts = {"free_bytes": free, "total_bytes": total}
    advice = "Remove what is not needed, or enlarge the disk."
    if free < CRITICAL_BYTES:
        return [error(problem, f"PostgreSQL stops when it is full. {advice}", subject=directory, facts=facts)]
    if free < LOW_SHARE * total and free < LOW_BYTES:
        return [warning(problem, advice, subject=directory, facts=facts)]
    return []


@check("Python")
async def python_build(installation: Installation) -> Findings:
    """Whether Python is built for speed."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    if sys.base_prefix != "/usr" and "--enable-optimizations" not in options:
        yield note(
            f"Python {sys.version.split()[0]} in {sys.base_prefix} was built without profile-guided optimisation, so "
            "Parley needs a quarter more CPU.",
            "Use the Python of the distribution or of an official image: make clean install PYTHON=/usr/bin/python3",
            subject=sys.base_prefix,
        )
    if sys.platform != "win32" and importlib.util.find_spec("uvloop") is None:
        yield note("uvloop is not installed, so Parley uses a slower event loop.", command="pip install uvloop")
