"""`parley models import` and `parley models list`."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import asyncpg

from gateway.config import Settings
from gateway.data.driver.primary import Primary
from gateway.data.queries import sql
from gateway.data.server.opening import (
    CONNECT_SECONDS,
    OpenDatabase,
    bring_up_to_date,
    open_database,
    owner_connection,
    reached_database,
)
from gateway.data.setup.roles import SCHEMA
from gateway.llm_models.facts import OWN, read_facts, unused
from gateway.llm_models.source import from_file, from_package
from gateway.llm_models.store import store
from gateway.telemetry.progress import tell, unless_quick
from gateway.telemetry.table import aligned

DEMO = Path(__file__).with_name("demo.json")

MOST_NAMES = 20
"""Names of models in the report of an import."""

HEADINGS = ("provider", "model", "quality", "latency", "USD in", "USD out", "context", "can", "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models to list, and in which order: `quality`, `latency`, `price` or `name`."""

    provider: Sequence[str] = ()
    vision: bool = False
    tools: bool = False
    system: bool = False
    important: bool = False
    retired: bool = False
    context_window: int | None = None
    price_below: Decimal | None = None
    order: str = "quality"


async def import_models(settings: Settings, file: Path | None, facts: Path | None) -> None:
    """Import the models in a file or the installed package, with the operator's facts about them.

    Raises a `Refusal`, and then nothing has changed.
    """
    with unless_quick("Reading the models"):
        read = from_package() if file is None else from_file(file)
        own = [] if facts is None else read_facts(facts)
    async with reached_database(settings) as database:
        await bring_up_to_date(database)
        async with owner_connection(database) as connection:
            outcome = await store(connection, read.models, [*read_facts(OWN), *own], read.origin)
    for place in unused(own, read.models):
        tell(f"{facts}, {place} matches no model.", logging.WARNING)
    for what, names in (("Added", outcome.added), ("Changed", outcome.changed), ("Retired", outcome.retired)):
        if names:
            tell(f"{what}: {_listed(names)}")
    unchanged = len(read.models) - len(outcome.added) - len(outcome.changed)
    tell(
        f"{len(read.models):,} models from {read.origin}: {len(outcome.added):,} added, {len(outcome.changed):,} "
        f"changed, {unchanged:,} unchanged. {len(outcome.retired):,} others retired. "
        f"{read.left_out:,} left out, because they are not priced by tokens."
    )


async def import_demo(database: OpenDatabase) -> None:
    """Import a few models for the demo, if there are none and the owner is known."""
    if database.owner_url is None:
        return
    read = from_file(DEMO)
    async with owner_connection(database) as connection:
        await store(connection, read.models, read_facts(OWN), "the demo", only_if_empty=True)


async def list_models(settings: Settings, wanted: Wanted) -> None:
    """Print the models as a table, with the prices of a million tokens."""
    async with open_database(settings) as database:
        connection: asyncpg.Connection = await Primary(database.runtime_url).connect(
            timeout=CONNECT_SECONDS, server_settings={"search_path": SCHEMA}
        )
        try:
            query = sql.usage.model.list
            values = dataclasses.asdict(wanted)
            rows = await connection.fetch(
                query.text, *query.arguments(None, values | {"provider": wanted.provider or None})
            )
        finally:
            await connection.close()
    if not rows:
        tell("There are no such models. To import some: parley models import")
        return
    sys.stdout.writelines(f"{line}\n" for line in aligned([HEADINGS, *map(_cells, rows)]))
    sys.stdout.flush()


def _cells(row: asyncpg.Record) -> tuple[str, ...]:
    abilities = [name for name in ("vision", "tools", "system") if row[f"supports_{name}"]]
    return (
        row["provider"],
        row["model_id"],
        str(row["quality_score"] or "-"),
        str(row["latency_score"] or "-"),
        f"{row['input_usd_per_million'].normalize():f}",
        f"{row['output_usd_per_million'].normalize():f}",
        f"{row['context_window']}{'?' if 'contextWindow' in row['assumed_fields'] else ''}",
        ", ".join(abilities) or "-",
        "retired" if row["retired_at"] else "",
    )


def _listed(names: Sequence[str]) -> str:
    others = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {others:,} others" if others > 0 else "")
