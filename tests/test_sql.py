"""`sql/schema.sql` is what the migrations make."""

from __future__ import annotations

from pathlib import Path

from gateway.data.server.dump import dump_schema
from tests.database import Database

SCHEMA = Path(__file__).parents[1] / "sql" / "schema.sql"


async def test_schema_file_is_what_the_migrations_make(database: Database) -> None:
    assert dump_schema(database.owner_url) == SCHEMA.read_text(encoding="utf-8"), "run: make schema"
