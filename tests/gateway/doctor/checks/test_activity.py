"""Too few connections are found before requests find out."""

from __future__ import annotations

import asyncpg
import pytest

from gateway.app import connections_of
from gateway.config import Settings
from gateway.doctor.checks import activity
from gateway.doctor.checks.activity import connections, slow_statements
from tests.gateway.doctor.checking import after, execute, problems
from tests.kit.database import Database


async def test_pools_that_the_server_cannot_serve_are_made_smaller(
    installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = installed.model_copy(update={"workers": 3, "pool_size": 450})
    (finding,) = await problems(connections, settings)
    assert f"may open {3 * connections_of(settings)} connections" in finding.problem
    for name, value in (await after(finding, settings)).items():
        monkeypatch.setenv(name, value)
    smaller = Settings(_env_file=None)
    assert await problems(connections, smaller) == []
    assert await problems(connections, smaller.model_copy(update={"pool_size": smaller.pool_size + 1})) != []


async def test_busy_server_is_found(installed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await problems(connections, installed) == []
    monkeypatch.setattr(activity, "BUSY_SHARE", 0.0)
    (finding,) = await problems(connections, installed)
    assert finding.subject == "max_connections"


async def test_slow_statement_is_found_where_statements_are_recorded(
    database: Database, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(database.owner_url)
    recorded = await connection.fetchval("SHOW shared_preload_libraries")
    await connection.close()
    if "pg_stat_statements" not in recorded:
        pytest.skip("the server does not record statements")
    await execute(database, "CREATE EXTENSION pg_stat_statements SCHEMA public")
    monkeypatch.setattr(activity, "LEAST_CALLS", 2)
    monkeypatch.setattr(activity, "SLOW_MS", 20.0)
    slow = "SELECT pg_sleep(0.03)"
    await execute(database, slow, slow)
    (finding,) = [each for each in await problems(slow_statements, installed) if "pg_sleep" in each.problem]
    assert finding.problem.endswith("(2 calls): SELECT pg_sleep($1)")
    await execute(database, "SELECT public.pg_stat_statements_reset()")
    assert [each for each in await problems(slow_statements, installed) if "pg_sleep" in each.problem] == []
