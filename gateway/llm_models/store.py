"""Writes models and their prices to the database: only what differs from what is stored."""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

import asyncpg
import orjson
from strawberry.utils.str_converters import to_camel_case

from gateway.data.server.opening import owner_transaction
from gateway.data.setup.roles import SCHEMA
from gateway.json_file import Problems
from gateway.llm_models.facts import Entry, Facts, facts_of
from gateway.llm_models.price import Price, Tier, price_changes
from gateway.llm_models.source import SourceModel
from gateway.schema.types.natural_id import natural_id
from gateway.telemetry.progress import bar

COLUMNS = {
    "name": "name",
    "context_window": "contextWindow",
    "max_output_tokens": "maxOutputTokens",
    "supports_vision": "supportsVision",
    "supports_tools": "supportsTools",
    "supports_system": "supportsSystem",
    "quality_score": "qualityScore",
    "latency_score": "latencyScore",
    "is_tier1": "isTier1",
    "embedding_dimensions": "embeddingDimensions",
    "assumed_fields": "assumed",
}
"""The columns of a model besides its key and its prices, each with the fact that it holds."""

_NAMES = ("provider", "model_id", "name_pattern", *COLUMNS, "input_usd_per_million", "output_usd_per_million")

# Reads go on meanwhile; another import waits.
LOCK = "LOCK TABLE llm_models IN SHARE ROW EXCLUSIVE MODE"
MODELS = f"SELECT id, retired_at, {', '.join(_NAMES)} FROM llm_models"  # noqa: S608 - constants
PRICES = """
SELECT llm_model_id, valid_from, input_usd_per_million, output_usd_per_million, cache_read_usd_per_million,
    cache_write_usd_per_million, tier_list
FROM llm_model_prices
ORDER BY llm_model_id, valid_from
"""
INSERT = (
    f"INSERT INTO llm_models ({', '.join(_NAMES)}) "  # noqa: S608 - constants
    f"VALUES ({', '.join(f'${n}' for n in range(1, len(_NAMES) + 1))})"
)
UPDATE = (
    "UPDATE llm_models SET retired_at = NULL, "  # noqa: S608 - constants
    f"{', '.join(f'{name} = ${n}' for n, name in enumerate(_NAMES[2:], 3))} WHERE provider = $1 AND model_id = $2"
)
TRY_PATTERN = "SELECT '' ~ $1"
"""Raises an error for what is no regular expression, which the column would store, and each look-up would fail on."""
RETIRE = "UPDATE llm_models SET retired_at = $2 WHERE id = $1"
ADD_PRICE = "INSERT INTO llm_model_prices VALUES (uuid7(), $1, $2, $3, $4, $5, $6, $7)"
REMOVE_PRICES = "DELETE FROM llm_model_prices WHERE llm_model_id = $1 AND valid_from = ANY ($2)"
REASON = """
SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint
WHERE connamespace = to_regnamespace($1) AND conname = $2
"""


@dataclass(slots=True)
class Outcome:
    """What an import has changed: the names of the models, such as `openai/gpt-4o`."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)


async def store(
    connection: asyncpg.Connection,
    models: Sequence[SourceModel],
    entries: Sequence[Entry],
    origin: str,
    *,
    only_if_empty: bool = False,
) -> Outcome:
    """Make these the models that are offered, in one transaction. Models that are not among them are retired.

    With `only_if_empty`, nothing happens if there are models already. Raises `CannotImport` that names the model and
    the field if a rule of the database refuses a value.
    """
    outcome = Outcome()
    writing = models[0]
    try:
        async with owner_transaction(connection):
            await connection.execute(LOCK)
            # Not the time at which the transaction began, since another import may have ended only now.
            now = await connection.fetchval("SELECT clock_timestamp()")
            stored = {row["id"]: row for row in await connection.fetch(MODELS)}
            if stored and only_if_empty:
                return outcome
            prices = await _stored_prices(connection)
            with bar(f"Importing models from {origin}", len(models)) as advance:
                for writing in models:
                    await _write(connection, writing, facts_of(writing, entries), stored, prices, now, outcome)
                    advance(1)
            offered = {natural_id(model.provider, model.model_id) for model in models}
            for id, row in stored.items():
                if id not in offered and row["retired_at"] is None:
                    await connection.execute(RETIRE, id, now)
                    outcome.retired.append(f"{row['provider']}/{row['model_id']}")
    except asyncpg.CheckViolationError as error:
        await _refuse(connection, writing, error, origin)
    except asyncpg.InvalidRegularExpressionError as error:
        problems = Problems(origin)
        problems.add(f"{writing.provider}/{writing.model_id}, match", f"{error}.")
        problems.refuse()
    return outcome


async def _write(
    connection: asyncpg.Connection,
    model: SourceModel,
    facts: Facts,
    stored: Mapping[Any, asyncpg.Record],
    prices: Mapping[Any, Sequence[Price]],
    now: datetime.datetime,
    outcome: Outcome,
) -> None:
    id = natural_id(model.provider, model.model_id)
    before = stored.get(id)
    changes = price_changes(prices.get(id, ()), model.prices, now)
    values = {name: facts[fact] for name, fact in COLUMNS.items()}
    # As PostgreSQL shows it, to be compared with what is stored.
    values["assumed_fields"] = json.dumps(values["assumed_fields"])
    row = (
        model.provider,
        model.model_id,
        model.name_pattern,
        *values.values(),
        changes.present.input,
        changes.present.output,
    )
    if before is None or before["name_pattern"] != model.name_pattern:
        await connection.execute(TRY_PATTERN, model.name_pattern)
    if before is None:
        await connection.execute(INSERT, *row)
        outcome.added.append(f"{model.provider}/{model.model_id}")
    elif changes or before["retired_at"] is not None or row != tuple(before[name] for name in _NAMES):
        await connection.execute(UPDATE, *row)
        outcome.changed.append(f"{model.provider}/{model.model_id}")
    if changes.removed:
        await connection.execute(REMOVE_PRICES, id, changes.removed)
    for price in changes.added:
        tiers = orjson.dumps([_tier_values(tier) for tier in price.tiers]).decode()
        await connection.execute(
            ADD_PRICE, id, price.valid_from, price.input, price.output, price.cache_read, price.cache_write, tiers
        )


async def _stored_prices(connection: asyncpg.Connection) -> Mapping[Any, Sequence[Price]]:
    prices = defaultdict[Any, list[Price]](list)
    for id, begin, input, output, cache_read, cache_write, tiers in await connection.fetch(PRICES):
        each = tuple(map(_tier, orjson.loads(tiers)))
        prices[id].append(Price(begin, input, output, cache_read, cache_write, each))
    return prices


def _tier_values(tier: Tier) -> dict[str, Any]:
    amounts = {
        "input": tier.input,
        "output": tier.output,
        "cacheRead": tier.cache_read,
        "cacheWrite": tier.cache_write,
    }
    # As texts, so that readers need not take them for floats.
    return {"above": tier.above, **{name: f"{each:f}" for name, each in amounts.items() if each is not None}}


def _tier(values: Mapping[str, Any]) -> Tier:
    amounts = [Decimal(values[name]) if name in values else None for name in ("cacheRead", "cacheWrite")]
    return Tier(values["above"], Decimal(values["input"]), Decimal(values["output"]), *amounts)


async def _refuse(
    connection: asyncpg.Connection, model: SourceModel, error: asyncpg.CheckViolationError, origin: str
) -> NoReturn:
    """Raise `CannotImport` with the wording of the rule that the model breaks."""
    name = str(error.constraint_name)
    reason = await connection.fetchval(REASON, SCHEMA, name)
    of = name.removeprefix("llm_models_").removeprefix("llm_model_prices_").rpartition("_")[0]
    problems = Problems(origin)
    problems.add(f"{model.provider}/{model.model_id}, {to_camel_case(of)}", str(reason or error))
    problems.refuse()
    raise error
