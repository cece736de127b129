"""Settings of PostgreSQL that endanger data, and what holds it up, are found and put right."""

from __future__ import annotations

import asyncpg
import pytest
from pydantic import SecretStr

from gateway.config import Settings
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.doctor.checks import activity
from gateway.doctor.checks.activity import old_transactions, slow_statements
from gateway.doctor.checks.server import database_in_the_clear, postgres_settings, postgres_version, support
from gateway.doctor.finding import Severity
from tests.gateway.doctor.checking import execute, paste, problems, run_check, until_gone


async def test_settings_that_endanger_data_are_put_right(own_server: EmbeddedDatabase, embedded: Settings) -> None:
    await execute(own_server.owner_url, "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
    while len(findings := await problems(postgres_settings, embedded)) < 4:
        pass
    assert {finding.subject: finding.severity for finding in findings} == {
        "autovacuum": Severity.WARNING,
        "fsync": Severity.ERROR,
        "full_page_writes": Severity.ERROR,
        "synchronous_commit": Severity.WARNING,
    }
    for finding in findings:
        await paste(finding, embedded)
    await until_gone(postgres_settings, embedded)


@pytest.mark.parametrize(("major", "severity"), [(13, [Severity.ERROR]), (14, []), (18, []), (19, [Severity.NOTE])])
def test_versions_that_are_not_supported_are_told(major: int, severity: list[Severity]) -> None:
    assert [finding.severity for finding in support(major)] == severity


async def test_embedded_server_is_supported_and_near(embedded: Settings) -> None:
    assert (await run_check(postgres_version, embedded)).status == "ok"
    assert (await run_check(database_in_the_clear, embedded)).status == "ok"


async def test_forgotten_prepared_transaction_is_rolled_back(
    own_server: EmbeddedDatabase, embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "LONG_SECONDS", 0.0)
    await execute(own_server.owner_url, "BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'it''s open'")
    (finding,) = await problems(old_transactions, embedded)
    assert "it's open" in finding.problem
    await paste(finding, embedded)
    assert await problems(old_transactions, embedded) == []


async def test_abandoned_replication_slot_is_dropped(
    own_server: EmbeddedDatabase, embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "RETAINED_BYTES", -1)
    await execute(own_server.owner_url, "SELECT pg_create_physical_replication_slot('standby', true)")
    (finding,) = await problems(old_transactions, embedded)
    assert "standby" in finding.problem
    await paste(finding, embedded)
    assert await problems(old_transactions, embedded) == []


async def test_open_transaction_is_ended(
    own_server: EmbeddedDatabase, embedded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "LONG_SECONDS", 0.0)
    sleeper = await asyncpg.connect(own_server.runtime_url, server_settings={"application_name": "sleeper"})
    await sleeper.execute("BEGIN; SELECT 1")
    (finding,) = await problems(old_transactions, embedded)
    assert 'of "parley_app" (sleeper) has been open' in finding.problem
    assert "idle in transaction" in finding.problem
    await paste(finding, embedded)
    await until_gone(old_transactions, embedded)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await sleeper.execute("SELECT 1")
    sleeper.terminate()


async def test_serving_role_is_told_which_privilege_it_lacks(own_server: EmbeddedDatabase, embedded: Settings) -> None:
    serving = embedded.model_copy(update={"database_url": SecretStr(own_server.runtime_url)})
    reason = str((await run_check(old_transactions, serving)).not_checked)
    grant = reason.partition("As a superuser: ")[2]
    await execute(own_server.owner_url, grant)
    assert (await run_check(old_transactions, serving)).status == "ok"
    await execute(own_server.owner_url, grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))


async def test_slow_statements_are_not_checked_where_nothing_records_them(embedded: Settings) -> None:
    assert "pg_stat_statements is not installed" in str((await run_check(slow_statements, embedded)).not_checked)
