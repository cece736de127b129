"""Arguments that are long, or written to take long to read: a decision holds the lock of the user's feed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.runtime import acting_as
from tests.kit.serving import Client

MOST = 16384
"""The longest text that is compared with patterns."""
MOST_OF_ALL = 131072
"""The longest texts in which a host is looked for, all together."""
HOSTILE = [
    "a/" * 5461 + "../" * 1820,
    "../" * 5461,
    "a/../" * 3276,
    "/proc/self/root" * 1092,
    "/." * 8192,
    "%25" * 5461,
]
HOSTILE += [
    "sudo " * 3276,
    "sudo -n " * 2048,
    "{a," * 5461,
    "$x " * 5461,
    "'" * MOST,
    "\\" * MOST,
    "=" * MOST,
    "/" * MOST,
]
HOSTILE += [
    "x=1 " * 4096,
    "a;" * 8192,
    "timeout 5 " * 1638,
    ">" * MOST,
    "> " * 8192,
    ". " * 8192,
    "\n*" * 8192,
    "*" * MOST,
]
HOSTILE += [". /" * 5461, "^" * MOST, "!a" * 8192, "a /" * 5461, ":" * MOST, "0" * MOST, "a." * 8192, "@" * MOST]
RULE = "INSERT INTO auto_approval_rules (user_id, tool_name, arguments, host, effect) VALUES (tenant(), $1, $2, $3, $4)"
HOSTILE += ["\ufdfa" * MOST, "".join(f"%{n:02x}" for n in range(256)) * 21, ("$x;" + "sudo -a " * 2047)[:MOST]]
HOSTILE += ["a$ " * 5461, "s* src* " * 2048, "$(" * 8192, "".join(f"a{n}*.b " for n in range(1700)), "e.{" * 5461]
DECIDE = "SELECT outcome FROM approval_decide(tenant(), NULL, $1, $2, 0)"


@pytest_asyncio.fixture(loop_scope="module")
async def direct(user: Client, database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the serving role as a user with rules of each kind, for the tools `allow`, `deny` and `host`."""
    await user.make("updateAutoApprovalSettings", "autoApprovalSettings", requireApprovalForNewTools=False)
    async with acting_as(database, user.user_id) as connection:
        for effect in ("allow", "deny"):
            for pattern in ("/etc/**", "a b **/x * c", "src/*"):
                await connection.execute(RULE, effect, json.dumps({"/x": pattern}), None, effect)
        await connection.execute(RULE, "host", "{}", "example.org", "allow")
        await connection.execute(RULE, "host", "{}", "evil.org", "deny")
        yield connection


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:12] for text in HOSTILE])
async def test_no_text_takes_long_to_read(direct: asyncpg.Connection, text: str) -> None:
    assert len(text) <= MOST
    async with direct.transaction():
        # The server refuses what takes as long as this. Each takes less than a tenth of it.
        await direct.execute("SET LOCAL statement_timeout = '3s'")
        for tool in ("allow", "deny", "host"):
            assert await direct.fetchval(DECIDE, tool, json.dumps({"x": text})) in ("pending", "cancelled")


@pytest.mark.parametrize(
    "text", ["a/" * 12000 + "../" * 10000, "../" * 80000, "/proc/self/root" * 16000], ids=["up", "..", "/proc"]
)
async def test_a_text_that_is_too_long_is_not_read(direct: asyncpg.Connection, text: str) -> None:
    async with direct.transaction():
        await direct.execute("SET LOCAL statement_timeout = '3s'")
        decided = [await direct.fetchval(DECIDE, tool, json.dumps({"x": text})) for tool in ("allow", "deny", "host")]
    assert decided == ["pending", "cancelled", "cancelled" if len(text) > MOST_OF_ALL else "pending"]


async def test_a_text_that_is_too_long_is_denied_and_never_approved(direct: asyncpg.Connection) -> None:
    for length, expected in ((MOST, "pending"), (MOST + 1, "cancelled")):
        assert await direct.fetchval(DECIDE, "deny", json.dumps({"x": "a" * length})) == expected
    await direct.execute(RULE, "long", json.dumps({"/x": "a*"}), None, "allow")
    for length, expected in ((MOST, "approved"), (MOST + 1, "pending")):
        assert await direct.fetchval(DECIDE, "long", json.dumps({"x": "a" * length})) == expected


CALLS = "SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions WHERE funcname = 'approval_letters'"
"""How often a text has been put in the form in which DENY and ASK rules compare it, which takes longest."""


async def test_each_text_is_read_once_however_many_rules_compare_it(
    user: Client, superuser: asyncpg.Connection
) -> None:
    parameters = json.dumps({"x": "$x;sudo -a", "y": ["e.$x", {"z": "a"}]})
    spent = []
    async with superuser.transaction():
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
        await superuser.execute("SET LOCAL track_functions = 'all'")
        for n in range(40):
            await superuser.execute(RULE, "many", json.dumps({"/x": f"rm{n} *", "/y/1/z": f"/x{n}/**"}), None, "deny")
            await superuser.execute(RULE, "many", "{}", f"a{n}.example.org", "ask")
            if n in (0, 39):
                before = await superuser.fetchval(CALLS)
                assert await superuser.fetchval(DECIDE, "many", parameters) == "pending"
                spent.append(await superuser.fetchval(CALLS) - before)
    assert spent[0] == spent[1] > 0
