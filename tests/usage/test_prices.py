"""An announced price becomes the present one when it begins."""

from __future__ import annotations

import asyncpg

from resolvers.usage.prices import apply_prices
from tests.kit.database import Database
from tests.kit.serving import Client
from tests.usage.models import import_into, model
from tests.work.running import ran

DATA = [
    {
        "id": "openai",
        "models": [
            model("middle", 2, 2),
            model(
                "changing",
                prices=[
                    {"prices": {"input_mtok": 1, "output_mtok": 1}},
                    {"constraint": {"start_date": "2999-01-01"}, "prices": {"input_mtok": 5, "output_mtok": 6}},
                ],
            ),
        ],
    }
]

BY_PRICE = "{ llmModels(orderBy: PRICE) { nodes { modelId inputUsdPerMillion outputUsdPerMillion } } }"


async def shown(user: Client) -> list[tuple[str, ...]]:
    """The models as the API lists them, cheapest first."""
    return [tuple(node.values()) for node in (await user.data(BY_PRICE))["llmModels"]["nodes"]]


async def test_price_counts_in_lists_from_its_beginning(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    await import_into(database, DATA)
    await ran(apply_prices, database)
    assert await shown(user) == [("changing", "1", "1"), ("middle", "2", "2")]
    await superuser.execute("UPDATE llm_model_prices SET valid_from = now() WHERE valid_from > now()")
    assert await shown(user) == [("changing", "1", "1"), ("middle", "2", "2")]
    await ran(apply_prices, database)
    assert await shown(user) == [("middle", "2", "2"), ("changing", "5", "6")]


async def test_requests_cannot_apply_prices(
    database: Database, runtime: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    await import_into(database, DATA)
    await superuser.execute("UPDATE llm_models SET input_usd_per_million = 9")
    assert await runtime.fetchval("SELECT model_prices_apply()") == 0
    assert await superuser.fetchval("SELECT min(input_usd_per_million) FROM llm_models") == 9
