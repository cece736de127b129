"""`parley doctor`: what it prints, how it exits, and what it does when a check fails."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from gateway.config import Settings
from gateway.doctor import doctor
from gateway.doctor.check import Check, Findings
from gateway.doctor.finding import warning
from gateway.doctor.installation import Installation, reached_installation
from tests.faults.servers.process import GatewayProcess, gateway_in
from tests.gateway.doctor.checking import ROOT, variables
from tests.kit.database import Database, data_directory
from tests.kit.environment import without_settings

NAMES = """
unknown_settings contradictory_settings tokens_in_the_clear public_address signing_keys encryption_keys clock disk_space
python_build connection migrations functions row_security declarations invalid_indexes unindexed_keys postgres_version
postgres_settings database_in_the_clear connections old_transactions slow_statements table_sizes dead_rows statistics
bloat cache_hits transaction_ids change_feed trash removals growth jobs broker last_backup
"""
"""Scripts rely on these names."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[GatewayProcess]:
    """A gateway as `parley serve` starts it, on a database that it had to make."""
    with data_directory() as directory:
        async with gateway_in(directory, {"PARLEY_DEMO": "true"}) as made:
            yield made


async def run_doctor(*options: str, **environment: str) -> tuple[int, str]:
    """Run the command. Returns its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "doctor", *options),
        env={**without_settings(), "PYTHONPATH": str(ROOT), "PARLEY_LOG_FORMAT": "text", **environment},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in complaints, complaints.decode()
    return process.returncode, printed.decode()


async def examine(**environment: str) -> tuple[int, dict[str, Any]]:
    """The exit status and the report as JSON."""
    status, printed = await run_doctor("--json", **environment)
    return status, json.loads(printed)


def by_name(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The checks of a report."""
    return {check["name"]: check for check in report["checks"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def report(gateway: GatewayProcess) -> dict[str, Any]:
    """The first report about it, which ended with status 0."""
    status, report = await examine(PARLEY_DATA_DIR=str(gateway.directory))
    assert status == 0, report
    return report


async def test_new_installation_gives_nothing_but_notes(report: dict[str, Any]) -> None:
    assert report["exitStatus"] == 0
    assert [each for check in report["checks"] for each in check["findings"] if each["severity"] != "note"] == []
    not_checked = {check["name"] for check in report["checks"] if check["status"] == "not_checked"}
    assert not_checked <= {"public_address", "slow_statements", "growth", "jobs"}


async def test_json_keeps_its_names(report: dict[str, Any]) -> None:
    assert list(report) == ["parley", "at", "database", "exitStatus", "counts", "checks"]
    assert list(report["counts"]) == ["errors", "warnings", "notes", "notChecked"]
    assert [check["name"] for check in report["checks"]] == NAMES.split()
    for check in report["checks"]:
        assert list(check) == ["group", "name", "title", "status", "notChecked", "findings"]
        assert check["status"] in ("ok", "note", "warning", "error", "not_checked")
        for finding in check["findings"]:
            assert list(finding) == ["severity", "subject", "problem", "advice", "sql", "command", "facts"]
    keys = by_name(report)["signing_keys"]["findings"][0]
    assert keys["facts"].keys() == {"age_seconds"}


async def test_report_is_plain_lines_outside_of_a_terminal(gateway: GatewayProcess) -> None:
    status, printed = await run_doctor(PARLEY_DATA_DIR=str(gateway.directory))
    assert status == 0
    assert "\x1b" not in printed
    assert "\nSafety\n  ok           Connection to the database\n" in printed
    assert "\n0 errors, 0 warnings, " in printed


async def test_warning_ends_with_status_1_and_error_with_status_2(gateway: GatewayProcess) -> None:
    directory = str(gateway.directory)
    status, report = await examine(PARLEY_DATA_DIR=directory, PARLEY_WORKRES="4")
    assert (status, by_name(report)["unknown_settings"]["status"]) == (1, "warning")
    owner = await gateway.connect()
    await owner.execute("ALTER TABLE parley.messages NO FORCE ROW LEVEL SECURITY")
    status, report = await examine(PARLEY_DATA_DIR=directory, PARLEY_WORKRES="4")
    await owner.execute("ALTER TABLE parley.messages FORCE ROW LEVEL SECURITY")
    await owner.close()
    assert (status, by_name(report)["row_security"]["status"]) == (2, "error")


async def test_finding_is_printed_with_its_command(gateway: GatewayProcess) -> None:
    owner = await gateway.connect()
    await owner.execute("ALTER TABLE parley.messages SET (autovacuum_enabled = off)")
    status, printed = await run_doctor(PARLEY_DATA_DIR=str(gateway.directory))
    assert status == 1
    assert "  ALTER TABLE parley.messages RESET (autovacuum_enabled);\n" in printed
    psql = printed.splitlines()[-1].removeprefix("Run SQL with: ")
    process = await asyncio.create_subprocess_shell(
        f'{psql} --command "ALTER TABLE parley.messages RESET (autovacuum_enabled);"', stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0
    await owner.close()
    assert (await run_doctor(PARLEY_DATA_DIR=str(gateway.directory)))[0] == 0


async def test_missing_database_is_an_error_in_json_too(tmp_path: Path) -> None:
    status, report = await examine(PARLEY_DATA_DIR=str(tmp_path))
    assert (status, by_name(report)["connection"]["status"], report["database"]) == (2, "error", None)


async def test_owner_without_a_database_url_is_an_error(database: Database, tmp_path: Path) -> None:
    status, report = await examine(PARLEY_DATA_DIR=str(tmp_path), PARLEY_OWNER_URL=database.owner_url)
    assert status == 2
    assert "PARLEY_DATABASE_URL is not" in by_name(report)["connection"]["findings"][0]["problem"]


async def test_what_the_serving_role_cannot_see_is_not_fine(installed: Settings) -> None:
    _, report = await examine(**variables(installed.model_copy(update={"owner_url": None})))
    checks = by_name(report)
    for name in ("change_feed", "trash"):
        assert checks[name]["status"] == "not_checked"
        assert "PARLEY_OWNER_URL is not set" in checks[name]["notChecked"]
    assert checks["old_transactions"]["status"] == "not_checked"
    for name in ("row_security", "declarations", "invalid_indexes", "unindexed_keys", "broker"):
        assert checks[name]["status"] in ("ok", "note")


async def test_connections_can_only_read(installed: Settings) -> None:
    async with reached_installation(installed) as installation:
        for connection in (installation.runtime, installation.owner):
            assert connection is not None
            with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                await connection.execute("DELETE FROM parley.sessions")


async def forever(installation: Installation) -> Findings:
    """A check that finds something and then does not end."""
    yield warning("It began.")
    await installation.connection.execute("SELECT pg_sleep(60)")


async def wrong(installation: Installation) -> Findings:
    """A check with a bug."""
    yield warning("It began.")
    raise ZeroDivisionError


async def blocked(installation: Installation) -> Findings:
    """A check that waits for a lock."""
    yield warning("It began.")
    await installation.connection.execute("SELECT pg_relation_size('parley.sessions')")


async def test_check_that_fails_keeps_what_it_found_and_leaves_the_others_alone(
    database: Database, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = await asyncpg.connect(database.owner_url)
    await holder.execute("BEGIN; LOCK TABLE parley.sessions")
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 1.0)
    tried = tuple(Check("tests", run.__name__, run.__name__, run) for run in (forever, wrong, blocked))
    (last,) = (check for check in doctor.CHECKS if check.name == "postgres_version")
    monkeypatch.setattr(doctor, "CHECKS", (*tried, last))
    report = await doctor.examine(installed)
    slow, broken, waiting, fine = report.results
    assert "longer than 1 second" in str(slow.not_checked)
    assert "The check itself failed (ZeroDivisionError)" in str(broken.not_checked)
    assert "waited for a lock" in str(waiting.not_checked)
    assert [len(each.findings) for each in (slow, broken, waiting)] == [1, 1, 1]
    assert fine.status == "ok"
    await holder.close()


async def test_checks_end_when_their_common_time_is_over(installed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ALL_SECONDS", 0.0)
    report = await doctor.examine(installed)
    assert {result.not_checked for result in report.results} == {"The checks before it took all the time."}
    assert report.exit_status == 0
