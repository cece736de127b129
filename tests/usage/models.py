"""A small catalogue of models in the form of genai-prices, and its import."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import orjson

from gateway.llm_models.facts import Entry, read_facts
from gateway.llm_models.source import read_models
from gateway.llm_models.store import Outcome, store
from tests.kit.database import Database


def model(id: str, input: Any = 1, output: Any = 2, window: int | None = 100_000, **others: Any) -> dict[str, Any]:
    """A model in the data."""
    prices = {"input_mtok": input, "output_mtok": output}
    return {"id": id, "context_window": window, "prices": prices, **others}


CATALOGUE: list[dict[str, Any]] = [
    {
        "id": "openai",
        "models": [
            model("gpt-large", 10, 30, 128_000, name="GPT Large"),
            model("gpt-small", "0.15", "0.6", 128_000, name="GPT Small"),
            model("gpt-old", 2, 2, None, name="GPT Old"),
            {"id": "embed", "name": "Embed", "context_window": 8191, "prices": {"input_mtok": 0.02}},
            {"id": "whisper", "prices": {"audio_hours": 0.36}},
        ],
    },
    {"id": "anthropic", "models": [model("claude", 3, 15, 200_000, name="Claude"), model("free", 0, 0, name="Free")]},
]

FACTS = [
    {"provider": "openai", "isTier1": True},
    {"model": "gpt-large", "qualityScore": 9, "latencyScore": 3, "supportsVision": True, "supportsTools": True},
    {"model": "gpt-small", "qualityScore": 6, "latencyScore": 9, "supportsVision": True},
    {"model": "claude", "qualityScore": 9, "latencyScore": 6, "supportsTools": True, "maxOutputTokens": 8000},
    {"model": "embed", "embeddingDimensions": 1536},
]


async def import_into(database: Database, data: Any = CATALOGUE, entries: Sequence[Entry] = ()) -> Outcome:
    """Import the models, as an operator does."""
    owner: asyncpg.Connection = await asyncpg.connect(database.owner_url)
    try:
        parsed = json.loads(json.dumps(data), parse_float=Decimal)
        return await store(owner, read_models(parsed, "the test").models, entries, "the test")
    finally:
        await owner.close()


def facts(tmp_path: Any, entries: Any = FACTS) -> list[Entry]:
    """Facts as an operator's file holds them."""
    file = tmp_path / "facts.json"
    file.write_bytes(orjson.dumps(entries))
    return read_facts(file)
