"""The whole schema as SQL that a person reads: `sql/schema.sql`, made by pg_dump from the migrations."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from gateway.data.server.embedded import EmbeddedDatabase, throw_away_directory
from gateway.data.server.programs import run
from gateway.data.setup.migrate import migrate
from gateway.data.setup.roles import SCHEMA

HEADER = "-- The schema after all migrations. Made by `make schema`; a test fails when it differs. Do not edit.\n"
NOISE = re.compile(
    r"^(\\(un)?restrict .*|-- PostgreSQL database dump complete|SET default_\w+ = .*|--)\n", re.MULTILINE
)
SECTION = re.compile(r"^-- Name: (?P<name>.*?); Type: (?P<type>.*?);.*\n", re.MULTILINE)


async def schema_after_migrations(directory: Path | None = None) -> str:
    """The schema that the migrations make, on a throw-away embedded server."""
    with throw_away_directory("parley-schema-") as temporary:
        database = await EmbeddedDatabase.start(temporary, {"fsync": "off", "shared_buffers": "64MB"})
        try:
            await migrate(database.owner_url, directory=directory)
            return await asyncio.to_thread(dump_schema, database.owner_url)
        finally:
            await database.stop()


def dump_schema(url: str) -> str:
    """The schema `parley` of the database at `url`, without what changes from one dump to the next."""
    return without_noise(run("pg_dump", "--schema-only", f"--schema={SCHEMA}", "--dbname", url))


def without_noise(dump: str) -> str:
    """`dump` without versions, session settings and random tokens, and with one heading for each object."""
    objects = dump[dump.index("-- Name: ") :]
    named = SECTION.sub(lambda section: f"-- {section['type'].lower()} {section['name']}\n", objects)
    return HEADER + "\n" + re.sub(r"\n{3,}", "\n\n", NOISE.sub("", named)).strip() + "\n"
