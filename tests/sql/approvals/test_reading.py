"""What a decision reads: the rules of the tool and the spending of the hour, by indexes, however much else there is."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.serving import Client, Serving

OF_TOOL = 200
OTHERS = 1000
RULES = """
INSERT INTO auto_approval_rules (user_id, tool_name, arguments, effect)
SELECT
    tenant(), $1 || CASE WHEN $2 THEN '' ELSE n::text END,
    jsonb_build_object('/command', CASE WHEN n = $3 THEN 'git status*' ELSE format('tool%s run *', n) END),
    CASE WHEN n % 3 = 0 AND n <> $3 THEN 'deny' ELSE 'allow' END
FROM generate_series(1, $3) AS n
"""
OLD = """
INSERT INTO tool_executions (user_id, conversation_id, tool_name) SELECT tenant(), $1, 'old' FROM generate_series(1, $2)
"""
PROPOSE = """
INSERT INTO tool_executions (user_id, conversation_id, tool_name, parameters)
VALUES (tenant(), $1, 'bash', '{"command": "git status --short"}')
RETURNING status, approval_reason
"""
READ = """
SELECT relname, seq_tup_read AS scanned, coalesce(idx_tup_fetch, 0) AS fetched
FROM pg_stat_xact_user_tables
WHERE relname IN ('auto_approval_rules', 'tool_executions')
"""


@pytest_asyncio.fixture(loop_scope="module")
async def direct(
    serving: Serving, user: Client, stranger: Client, database: Database, superuser: asyncpg.Connection
) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the serving role as a user with 200 rules for a tool, among thousands of other rows."""
    connection = await asyncpg.connect(database.runtime_url, server_settings={"search_path": "parley"})
    for client in (stranger, user):
        await client.make("updateAutoApprovalSettings", "autoApprovalSettings", requireApprovalForNewTools=False)
        conversation = uuid.UUID((await client.make("createConversation", "conversation"))["id"])
        await connection.execute("SELECT set_config('app.user_id', $1, false)", client.user_id)
        await connection.execute(RULES, "other", False, OTHERS)
        await connection.execute(OLD, conversation, OTHERS)
    await connection.execute(RULES, "bash", True, OF_TOOL)
    await connection.execute("SELECT set_config('app.conversation', $1, false)", str(conversation))
    await superuser.execute("ANALYZE")
    yield connection
    await connection.close()


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_a_decision_reads_the_rules_of_the_tool_by_an_index(direct: asyncpg.Connection, mode: str) -> None:
    conversation = uuid.UUID(await direct.fetchval("SELECT current_setting('app.conversation')"))
    await direct.execute(f"SET plan_cache_mode = {mode}")
    async with direct.transaction():
        before = await _read(direct)
        (made,) = await direct.fetch(PROPOSE, conversation)
        read = await _read(direct) - before
    assert tuple(made) == ("approved", "rule")
    assert (read["auto_approval_rules", "scanned"], read["tool_executions", "scanned"]) == (0, 0)
    assert OF_TOOL <= read["auto_approval_rules", "fetched"] < 2 * OF_TOOL
    assert read["tool_executions", "fetched"] < 20


async def test_what_is_spent_is_read_from_the_executions_of_the_hour(direct: asyncpg.Connection) -> None:
    async with direct.transaction():
        before = await _read(direct)
        assert await direct.fetchval("SELECT approval_spent(tenant())") >= 0
        read = await _read(direct) - before
    assert read["tool_executions", "scanned"] == 0
    assert read["tool_executions", "fetched"] < 20


async def _read(connection: asyncpg.Connection) -> Counter[tuple[str, str]]:
    """The rows that a scan or an index has given so far.

    The counts of a transaction begin with those of earlier ones that are not reported yet, so only a difference counts.
    """
    rows = await connection.fetch(READ)
    return Counter({(row["relname"], kind): row[kind] for row in rows for kind in ("scanned", "fetched")})
