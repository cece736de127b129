"""Make one check on a real installation, and do what a finding says."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import SecretStr

from gateway.config import Settings
from gateway.data.server.programs import installation
from gateway.doctor.check import Check
from gateway.doctor.doctor import examined
from gateway.doctor.finding import Finding, Severity
from gateway.doctor.installation import reached_installation
from gateway.doctor.results import Result
from tests.kit.database import Database
from tests.kit.environment import without_settings
from tests.kit.serving import settings_for

ROOT = Path(__file__).parents[3]

PROGRAMS = os.pathsep.join([str(installation() / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
"""Where psql and parley are found, as in an operator's shell."""


def settings_on(database: Database, directory: Path, **overrides: Any) -> Settings:
    """The settings of an installation with a database of its own, whose owner is known."""
    return settings_for(
        directory, **{"database_url": database.runtime_url, "owner_url": database.owner_url, **overrides}
    )


async def run_check(check: Check, settings: Settings, url: str | None = None) -> Result:
    """Make one check."""
    async with reached_installation(settings, url) as installation:
        return await examined(check, installation)


async def problems(check: Check, settings: Settings, url: str | None = None) -> list[Finding]:
    """The findings of a check that are more than notes. It must not have failed."""
    result = await run_check(check, settings, url)
    assert "failed" not in (result.not_checked or ""), result.not_checked
    return [finding for finding in result.findings if finding.severity > Severity.NOTE]


async def until_gone(check: Check, settings: Settings) -> None:
    """Wait until a check finds nothing any more."""
    while await problems(check, settings):
        pass


async def paste(finding: Finding, settings: Settings) -> None:
    """Paste the SQL of a finding into psql, or its command into a shell, as the report says."""
    assert bool(finding.sql) != bool(finding.command), finding
    async with reached_installation(settings) as installation:
        psql = installation.psql()
    line = f"{psql} --set ON_ERROR_STOP=1 --quiet" if finding.sql else finding.command
    await shell(line, settings, stdin=finding.sql)


async def shell(line: str, settings: Settings, *, stdin: str = "") -> str:
    """Run a line in a shell with these settings, which must succeed. Returns what it printed."""
    process = await asyncio.create_subprocess_shell(
        line,
        env={**without_settings(), **variables(settings), "PATH": PROGRAMS, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate(stdin.encode())
    assert process.returncode == 0, complaints.decode()
    return printed.decode()


async def after(finding: Finding, settings: Settings) -> dict[str, str]:
    """The PARLEY_ variables of a shell in which the command of a finding was pasted."""
    printed = await shell(f"{finding.command}\n{shlex.quote(sys.executable)} -c {shlex.quote(PRINT)}", settings)
    return dict(line.split("=", 1) for line in printed.splitlines())


PRINT = "import os; [print(f'{n}={v}') for n, v in os.environ.items() if n.startswith('PARLEY_')]"


def variables(settings: Settings) -> dict[str, str]:
    """The environment variables for settings that differ from their defaults."""
    chosen = settings.model_dump(exclude_unset=True)
    return {f"PARLEY_{name.upper()}": _written(value) for name, value in chosen.items() if value not in (None, (), {})}


def _written(value: Any) -> str:
    """A value as an operator writes it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return ",".join(f"{name}={_written(each)}" for name, each in value.items())
    return ",".join(map(_written, value)) if isinstance(value, tuple) else str(value)


async def execute(database: Database | str, *statements: str) -> None:
    """Run statements as the superuser, each by itself."""
    connection = await asyncpg.connect(database if isinstance(database, str) else database.owner_url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
