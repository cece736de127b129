"""The data that the benchmark runs on, and those who ask for it.

Made once in a directory, and found there by later runs. Readers and writers are different users, so that what is
written changes no answer that is compared.
"""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson

from gateway.auth.keyring import load_or_create
from gateway.auth.token import TokenAuthority
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.setup.migrate import migrate
from gateway.telemetry.progress import step
from tests.bench.fill import fill

SIZE = {"users": 200, "conversations": 50, "messages": 20}
READERS = 20
WRITERS = 20
BYPASSING = "parley_bench"
"""The role that row-level security does not bind."""
HISTORIAN = "historian@example.org"
MORE = Path(__file__).with_name("more.sql")

_DAY = datetime.timedelta(days=1)

CALLERS = """
SELECT
    u.email, u.user_id, s.id AS session_id,
    ARRAY(
        SELECT c.id FROM parley.conversations AS c
        WHERE c.user_id = u.user_id AND c.deleted_at IS NULL
        ORDER BY c.id
    ) AS conversations,
    ARRAY(
        SELECT c.id FROM parley.conversations AS c
        WHERE c.user_id = u.user_id AND c.deleted_at IS NULL AND c.message_count >= 50
        ORDER BY c.id
    ) AS threads
FROM unnest($1::text[]) WITH ORDINALITY AS e (email, number)
JOIN parley.users AS u ON u.email = e.email
JOIN LATERAL (SELECT id FROM parley.sessions WHERE user_id = u.user_id ORDER BY id LIMIT 1) AS s ON true
ORDER BY e.number
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """A user with a token, and what they may ask for."""

    token: str
    user_id: UUID
    conversations: list[UUID]
    threads: list[UUID]
    """Those of their conversations that have 50 messages or more."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """A running database with everything in it, and the file that tells the servers who the callers are."""

    database: EmbeddedDatabase
    directory: Path
    readers: list[Caller]
    writers: list[Caller]
    historian: Caller
    """Has 100 conversations of 100 messages."""

    @property
    def callers_file(self) -> Path:
        """Tokens and users, for servers that do not check signatures."""
        return self.directory / "callers.json"


@asynccontextmanager
async def data_set(directory: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[DataSet]:
    """The data set of a directory, made if it is not there. The settings are PostgreSQL's, besides ours."""
    database = await EmbeddedDatabase.start(directory, settings)
    try:
        await migrate(database.owner_url)
        if not _mark(directory).exists():
            await _make(database.owner_url)
            _mark(directory).touch()
        yield await _described(database, directory)
    finally:
        await database.stop()


def _mark(directory: Path) -> Path:
    """A file that says that all the data is there."""
    return directory / "bench-data-is-complete"


async def _make(owner_url: str) -> None:
    connection = await asyncpg.connect(owner_url)
    try:
        if await connection.fetchval("SELECT EXISTS (SELECT FROM parley.users)"):
            raise SystemExit("The directory has other data, or data that was not finished: choose another one.")
        with step("Filling the database"):
            await fill(owner_url, **SIZE)
        with step("Adding long conversations"):
            await connection.execute("SELECT set_config('bench.readers', $1, false)", str(READERS))
            await connection.execute(MORE.read_text(encoding="utf-8"))
            await connection.execute("VACUUM (ANALYZE)")
    finally:
        await connection.close()


async def _described(database: EmbeddedDatabase, directory: Path) -> DataSet:
    emails = [f"filled{number}@example.org" for number in range(1, READERS + WRITERS + 1)]
    connection = await asyncpg.connect(database.owner_url)
    try:
        rows = await connection.fetch(CALLERS, [*emails, HISTORIAN])
    finally:
        await connection.close()
    keys = load_or_create(directory / "signing-keys.json")
    tokens = TokenAuthority(keys, issuer="parley", audience="parley", lifetime_seconds=int(_DAY.total_seconds()))
    callers = [
        Caller(
            tokens.issue(row["user_id"], row["session_id"]).token, row["user_id"], row["conversations"], row["threads"]
        )
        for row in rows
    ]
    found = DataSet(database, directory, callers[:READERS], callers[READERS:-1], callers[-1])
    found.callers_file.write_bytes(orjson.dumps(callers, default=str))
    return found
