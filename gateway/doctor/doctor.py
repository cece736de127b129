"""Makes all checks, each within its time."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib.metadata

import asyncpg
import structlog

from gateway.config import Settings
from gateway.data.server.opening import address
from gateway.doctor.check import Check, checks_of
from gateway.doctor.checks import (
    activity,
    backup,
    broker,
    growth,
    keys,
    machine,
    safety,
    server,
    structure,
    tables,
    work,
)
from gateway.doctor.checks import settings as settings_checks
from gateway.doctor.finding import NotChecked
from gateway.doctor.installation import Installation, reached_installation, served_schema
from gateway.doctor.results import Report, Result
from gateway.doctor.units import number

CHECKS = checks_of(
    (settings_checks, keys, machine, safety, structure, server, activity, tables, growth, work, broker, backup)
)

CHECK_SECONDS = 3.0
"""The longest that one check may take."""

ALL_SECONDS = 9.0
"""The longest that all checks together may take, without the start of an embedded server."""

OUT_OF_TIME = (TimeoutError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)

log = structlog.stdlib.get_logger(__name__)


async def examine(settings: Settings, public_url: str | None = None) -> Report:
    """Examine an installation. Changes nothing but the sizes that it keeps in the data directory, to see growth."""
    served_schema()  # takes a second, in which the event loop stands still
    async with reached_installation(settings, public_url) as installation:
        deadline = asyncio.get_running_loop().time() + ALL_SECONDS
        return Report(
            parley=importlib.metadata.version("parley"),
            at=datetime.datetime.now(datetime.UTC),
            database=address(installation.database.runtime_url) if installation.database else None,
            psql=installation.psql(),
            results=tuple([await examined(check, installation, deadline) for check in CHECKS]),
        )


async def examined(check: Check, installation: Installation, deadline: float | None = None) -> Result:
    """Make one check, until the deadline by the clock of the event loop. What it found before it failed is kept."""
    now = asyncio.get_running_loop().time()
    seconds = min(CHECK_SECONDS, (deadline or now + CHECK_SECONDS) - now)
    findings = []
    reason: str | None = None
    if seconds <= 0:
        return Result(check, (), "The checks before it took all the time.")
    try:
        async with asyncio.timeout(seconds), contextlib.aclosing(check.run(installation)) as found:
            async for finding in found:
                findings.append(finding)  # noqa: PERF401 - kept if the check fails later
    except NotChecked as missing:
        reason = str(missing)
    except OUT_OF_TIME:
        reason = f"It took longer than {number(round(seconds), 'second')}, or waited for a lock."
    except asyncpg.UndefinedTableError:
        reason = "The database lacks tables of this version of Parley."
    except asyncpg.InsufficientPrivilegeError as error:
        reason = f"The role lacks a privilege: {error}."
    except Exception as error:  # noqa: BLE001 - the other checks go on
        log.warning("check_failed", check=check.name, error=type(error).__name__, reason=str(error))
        reason = f"The check itself failed ({type(error).__name__}). The log has the reason."
    return Result(check, tuple(findings), reason)
