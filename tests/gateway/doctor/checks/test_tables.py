"""Tables in a bad state are found, and what is said of them mends them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.config import Settings
from gateway.doctor.checks import tables
from gateway.doctor.checks.tables import (
    bloat,
    cache_hits,
    dead_rows,
    statistics,
    table_sizes,
    transaction_ids,
)
from gateway.doctor.finding import Severity
from tests.gateway.doctor.checking import execute, paste, problems, run_check
from tests.kit.database import Database
from tests.kit.serving import Client

ROWS = 20_000
FILL = "INSERT INTO parley.heap SELECT n, repeat('x', 100) FROM generate_series(1, 20000) AS n"
EMPTY = "DELETE FROM parley.heap WHERE id <= 18000"


@pytest_asyncio.fixture(loop_scope="module")
async def heap(database: Database) -> AsyncIterator[str]:
    """A table of some megabytes that autovacuum leaves alone."""
    await execute(
        database,
        "CREATE TABLE parley.heap (id integer, filler text) WITH (autovacuum_enabled = off)",
        FILL,
    )
    yield "parley.heap"
    await execute(database, "DROP TABLE parley.heap")


async def test_large_tables_are_listed_with_their_rows(database: Database, installed: Settings, heap: str) -> None:
    await execute(database, "ANALYZE parley.heap")
    total, listed = (await run_check(table_sizes, installed)).findings
    assert (listed.subject, listed.severity, listed.facts["rows"]) == ("heap", Severity.NOTE, ROWS)
    assert int(total.facts["bytes"] or 0) > int(listed.facts["bytes"] or 0) > 100 * ROWS


async def test_table_that_autovacuum_leaves_alone_is_found(installed: Settings, heap: str) -> None:
    (finding,) = await problems(dead_rows, installed)
    assert finding.problem.startswith("Autovacuum is off for parley.heap")
    await paste(finding, installed)
    assert await problems(dead_rows, installed) == []


async def test_dead_rows_are_removed(database: Database, installed: Settings, heap: str) -> None:
    await execute(database, EMPTY)
    # The counts of dead rows arrive when the session that made them ends.
    while not (found := [each for each in await problems(dead_rows, installed) if "dead rows beside" in each.problem]):
        pass
    assert found[0].facts["dead_rows"] == 18_000
    await paste(found[0], installed)
    while any("dead rows beside" in each.problem for each in await problems(dead_rows, installed)):
        pass


async def test_table_without_statistics_is_analyzed(installed: Settings, heap: str) -> None:
    (finding,) = await problems(statistics, installed)
    assert finding.subject == "heap"
    await paste(finding, installed)
    assert await problems(statistics, installed) == []


async def test_empty_space_is_given_back(
    database: Database, installed: Settings, heap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "LEAST_BLOAT_BYTES", 1024**2)
    await execute(database, "ANALYZE parley.heap")
    assert await problems(bloat, installed) == []
    # The last rows keep the file from being cut off.
    await execute(database, EMPTY, "VACUUM (ANALYZE) parley.heap")
    (finding,) = await problems(bloat, installed)
    assert finding.subject == "heap"
    await paste(finding, installed)
    assert await problems(bloat, installed) == []


async def test_bloat_is_not_checked_by_a_role_that_sees_no_widths(
    database: Database, installed: Settings, user: Client
) -> None:
    await user.make("createConversation", "conversation")
    await execute(database, "ANALYZE")
    serving = installed.model_copy(update={"owner_url": None})
    assert "PARLEY_OWNER_URL is not set" in str((await run_check(bloat, serving)).not_checked)
    assert (await run_check(bloat, installed)).status == "ok"


async def test_cache_that_is_too_small_is_found(
    database: Database, installed: Settings, heap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute(database, "SELECT count(*) FROM parley.heap")
    assert await problems(cache_hits, installed) == []
    monkeypatch.setattr(tables, "LEAST_READS", 1)
    monkeypatch.setattr(tables, "HIT_RATIO", 1.01)
    findings = await problems(cache_hits, installed)
    assert {finding.subject for finding in findings} == {"heap", "index"}
    await paste(findings[0], installed)
    monkeypatch.setattr(tables, "LEAST_READS", 1_000_000)
    assert await problems(cache_hits, installed) == []


async def test_old_transaction_ids_are_frozen(
    database: Database, installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute(database, *["SELECT txid_current()"] * 300)
    monkeypatch.setattr(tables, "OLD_IDS", 290)
    (finding,) = await problems(transaction_ids, installed)
    assert int(finding.facts["age"] or 0) > 290
    await paste(finding, installed)
    assert await problems(transaction_ids, installed) == []
