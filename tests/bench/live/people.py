"""Who takes part in the live benchmark: users with a token and a conversation of their own."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from gateway.auth.keyring import load_or_create
from gateway.auth.token import TokenAuthority
from gateway.telemetry.progress import step
from tests.bench.data import DataSet

COUNT = 2500
SQL = Path(__file__).with_name("people.sql")
_DAY = datetime.timedelta(days=1)

PEOPLE = """
SELECT
    u.user_id,
    (SELECT s.id FROM parley.sessions AS s WHERE s.user_id = u.user_id LIMIT 1) AS session_id,
    (SELECT c.id FROM parley.conversations AS c WHERE c.user_id = u.user_id ORDER BY c.id LIMIT 1) AS conversation_id
FROM parley.users AS u
WHERE u.email LIKE 'live%@example.org'
ORDER BY u.user_id
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A user with a token, and the conversation that they write in."""

    token: str
    user_id: UUID
    conversation_id: UUID


async def people(data: DataSet) -> list[Person]:
    """All of them, made if they are not there."""
    connection = await asyncpg.connect(data.database.owner_url)
    try:
        if not await connection.fetch(f"{PEOPLE} LIMIT 1"):
            with step("Adding people"):
                await connection.execute("SELECT set_config('bench.people', $1, false)", str(COUNT))
                await connection.execute(SQL.read_text(encoding="utf-8"))
                await connection.execute("VACUUM (ANALYZE)")
        rows = await connection.fetch(PEOPLE)
    finally:
        await connection.close()
    keys = load_or_create(data.directory / "signing-keys.json")
    tokens = TokenAuthority(keys, issuer="parley", audience="parley", lifetime_seconds=int(_DAY.total_seconds()))
    return [
        Person(tokens.issue(row["user_id"], row["session_id"]).token, row["user_id"], row["conversation_id"])
        for row in rows
    ]
