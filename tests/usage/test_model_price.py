"""model_price() finds what a model cost at a time, and by the length of the input."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from gateway.schema.types.natural_id import natural_id
from tests.kit.database import Database
from tests.usage.models import import_into, model

DATA = [
    {
        "id": "openai",
        "models": [
            model(
                "gpt",
                prices=[
                    {"prices": {"input_mtok": 1, "output_mtok": 2}},
                    {
                        "constraint": {"start_date": "2026-01-01"},
                        "prices": {
                            "input_mtok": {
                                "base": 3,
                                "tiers": [{"start": 1000, "price": 6}, {"start": 5000, "price": 9}],
                            },
                            "output_mtok": 4,
                            "cache_read_mtok": {"base": 0.3, "tiers": [{"start": 5000, "price": 0.9}]},
                        },
                    },
                    {"constraint": {"start_date": "2027-01-01"}, "prices": {"input_mtok": 5, "output_mtok": 6}},
                ],
            )
        ],
    }
]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def imported(database: Database) -> None:
    await import_into(database, DATA)


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("at", "input_tokens", "expected"),
    [
        ("2025-12-31T23:59:59", 0, ("1", "2", None, None)),
        ("1970-01-01T00:00:00", 10_000, ("1", "2", None, None)),
        ("2026-01-01T00:00:00", 0, ("3", "4", "0.3", None)),
        ("2026-12-31T23:59:59", 1000, ("3", "4", "0.3", None)),
        ("2026-12-31T23:59:59", 1001, ("6", "4", "0.3", None)),
        ("2026-12-31T23:59:59", 5001, ("9", "4", "0.9", None)),
        ("2027-01-01T00:00:00", 5001, ("5", "6", None, None)),
    ],
)
async def test_the_price_is_that_of_the_time_and_the_input(
    runtime: asyncpg.Connection, at: str, input_tokens: int, expected: tuple[str | None, ...]
) -> None:
    text = "SELECT * FROM model_price('openai', 'gpt', $1, $2)"
    (row,) = await runtime.fetch(text, moment(at), input_tokens)
    assert row["llm_model_id"] == natural_id("openai", "gpt")
    names = ("input", "output", "cache_read", "cache_write")
    assert tuple(row[f"{name}_usd_per_million"] for name in names) == tuple(
        None if each is None else Decimal(each) for each in expected
    )


@pytest.mark.parametrize(
    ("provider", "name", "at"),
    [
        ("openai", "gpt", "1969-12-31T23:59:59"),
        ("openai", "gpt-2", "2026-01-01T00:00:00"),
        ("other", "gpt", "2026-01-01T00:00:00"),
        ("openai", None, "2026-01-01T00:00:00"),
    ],
)
async def test_no_price_is_no_row(runtime: asyncpg.Connection, provider: str, name: str | None, at: str) -> None:
    assert await runtime.fetch("SELECT * FROM model_price($1, $2, $3)", provider, name, moment(at)) == []


async def test_it_is_found_by_the_index(superuser: asyncpg.Connection) -> None:
    async with superuser.transaction():
        await superuser.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        source = await superuser.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'model_price_at'")
        text = source[source.index("SELECT") : source.index(";", source.index("SELECT"))]
        text = text.replace("= model_id", f"= '{natural_id('openai', 'gpt')}'").replace("INTO price", "")
        text = text.replace("model_price_at.at", "now()")
        plan = "\n".join(row[0] for row in await superuser.fetch(f"EXPLAIN {text}"))
    assert "Index Scan Backward using llm_model_prices_valid_from_key" in plan, plan


@pytest.mark.parametrize("parts", [("openai", "gpt-4o"), ("", ""), ("é", "猫" * 50), ("a\nb", "c"), ("one",)])
async def test_the_id_of_a_natural_key_is_the_same_in_both_languages(
    superuser: asyncpg.Connection, parts: tuple[Any, ...]
) -> None:
    made = await superuser.fetchval("SELECT natural_id(VARIADIC $1)", parts)
    assert made == natural_id(*parts)
    assert (str(made)[14], str(made)[19] in "89ab") == ("8", True)


async def test_a_key_with_a_null_has_no_id(superuser: asyncpg.Connection) -> None:
    assert await superuser.fetchval("SELECT natural_id('openai', NULL)") is None


def test_an_id_never_changes() -> None:
    """It is stored in databases that exist."""
    assert str(natural_id("openai", "gpt-4o-mini")) == "12f93bf5-e5d6-8f51-8fbe-d51f165ebfdd"
