"""Broken indexes and keys without an index are found, and what is said of them mends them."""

from __future__ import annotations

from contextlib import suppress

import asyncpg
import pytest

from gateway.config import Settings
from gateway.doctor.checks.structure import invalid_indexes, unindexed_keys
from gateway.doctor.finding import Severity
from tests.gateway.doctor.checking import execute, paste, problems, run_check
from tests.kit.database import Database

DOUBLED = "CREATE TABLE parley.doubled AS SELECT 1 AS a FROM generate_series(1, 2)"


@pytest.mark.parametrize("name", ["doubled_once", "doubled_a_idx_ccnew"])
async def test_index_whose_creation_failed_is_mended_or_removed(
    database: Database, installed: Settings, name: str
) -> None:
    await execute(database, DOUBLED)
    with suppress(asyncpg.UniqueViolationError):
        await execute(database, f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON parley.doubled (a)")
    (finding,) = await problems(invalid_indexes, installed)
    assert f"parley.{name} of parley.doubled is not valid" in finding.problem
    await execute(database, "DELETE FROM parley.doubled WHERE ctid = '(0,1)'")
    await paste(finding, installed)
    assert await problems(invalid_indexes, installed) == []
    await execute(database, "DROP TABLE parley.doubled")


@pytest.mark.parametrize(
    ("child", "read"),
    [
        ("user_id uuid, folder_id uuid, FOREIGN KEY (user_id, folder_id) REFERENCES parley.folders (user_id, id)", ""),
        (
            "user_id uuid, id uuid, folder_id uuid, PRIMARY KEY (user_id, id), "
            "FOREIGN KEY (user_id, folder_id) REFERENCES parley.folders (user_id, id)",
            "all rows of its user in it",
        ),
    ],
)
async def test_key_without_an_index_gets_one(database: Database, installed: Settings, child: str, read: str) -> None:
    await execute(
        database,
        "CREATE TABLE parley.folders (user_id uuid, id uuid, PRIMARY KEY (user_id, id))",
        f"CREATE TABLE parley.papers ({child})",
    )
    (finding,) = await problems(unindexed_keys, installed)
    assert finding.subject == "papers.folder_id"
    assert finding.problem.endswith(f"{read or 'the whole table'}.")
    await paste(finding, installed)
    assert await problems(unindexed_keys, installed) == []
    await execute(database, "DROP TABLE parley.papers, parley.folders")


async def test_key_whose_index_leaves_deleted_rows_out_is_only_noted(database: Database, installed: Settings) -> None:
    index = (
        "parley.tool_executions_by_conversation ON parley.tool_executions (user_id, conversation_id, created_at, id)"
    )
    name, _, rest = index.partition(" ")
    partial = f"CREATE INDEX {name.removeprefix('parley.')} {rest} WHERE deleted_at IS NULL"
    await execute(database, f"DROP INDEX {name}", partial)
    (finding,) = (await run_check(unindexed_keys, installed)).findings
    assert finding.severity is Severity.NOTE
    assert "tool_executions.conversation_id" in finding.problem
    assert "messages.conversation_id" not in finding.problem


async def test_role_that_serves_sees_the_same(database: Database, installed: Settings) -> None:
    serving = installed.model_copy(update={"owner_url": None})
    assert (await run_check(unindexed_keys, serving)).findings == (await run_check(unindexed_keys, installed)).findings
