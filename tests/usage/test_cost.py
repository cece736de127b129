"""What a call costs whose cost nobody states: its tokens times the prices of its model at that moment."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.rows import differences
from tests.kit.runtime import acting_as
from tests.kit.serving import Client
from tests.usage.models import import_into, model

ANNOUNCED = "2999-01-01"


def data(plain: float = 1) -> list[dict[str, Any]]:
    """The catalogue, with this price of the model `plain`."""
    tiers = {"base": 3, "tiers": [{"start": 1000, "price": 6}, {"start": 5000, "price": 9}]}
    cache = {"cache_read_mtok": {"base": 0.3, "tiers": [{"start": 5000, "price": 0.9}]}, "cache_write_mtok": 3.75}
    return [
        {
            "id": "openai",
            "models": [
                model("plain", plain, 2),
                model("cheap", "0.15", "0.6"),
                model("tiered", prices={"input_mtok": tiers, "output_mtok": 4, **cache}),
                model(
                    "announced",
                    prices=[
                        {"prices": {"input_mtok": 1, "output_mtok": 1}},
                        {"constraint": {"start_date": ANNOUNCED}, "prices": {"input_mtok": 5, "output_mtok": 6}},
                    ],
                ),
            ],
        }
    ]


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def imported(database: Database) -> None:
    await import_into(database, data())


SHOWN = (
    "costUsd costSource inputUsdPerMillion outputUsdPerMillion cacheReadUsdPerMillion cacheWriteUsdPerMillion createdAt"
)
CASES: list[tuple[str, dict[str, int], str, tuple[str | None, ...]]] = [
    ("plain", {"inputTokens": 1000, "outputTokens": 10}, "0.00102", ("1", "2", None, None)),
    ("plain", {}, "0", ("1", "2", None, None)),
    ("plain-2026-01-31", {"inputTokens": 1}, "0.000001", ("1", "2", None, None)),
    # 0.15, 1.05, 3 and 0.75 millionths, rounded up.
    ("cheap", {"inputTokens": 1}, "0.000001", ("0.15", "0.6", None, None)),
    ("cheap", {"inputTokens": 7}, "0.000002", ("0.15", "0.6", None, None)),
    ("cheap", {"inputTokens": 20}, "0.000003", ("0.15", "0.6", None, None)),
    ("cheap", {"inputTokens": 1, "outputTokens": 1}, "0.000001", ("0.15", "0.6", None, None)),
    # Without a price of their own, tokens from and to the cache cost as much as others.
    (
        "plain",
        {"inputTokens": 10, "cachedInputTokens": 4, "cacheWriteInputTokens": 6},
        "0.00001",
        ("1", "2", None, None),
    ),
    ("plain", {"outputTokens": 10, "reasoningTokens": 9}, "0.00002", ("1", "2", None, None)),
    ("tiered", {"inputTokens": 1000}, "0.003", ("3", "4", "0.3", "3.75")),
    ("tiered", {"inputTokens": 1001}, "0.006006", ("6", "4", "0.3", "3.75")),
    # 500 * 3 + 400 * 0.3 + 100 * 3.75 + 10 * 4
    (
        "tiered",
        {"inputTokens": 1000, "cachedInputTokens": 400, "cacheWriteInputTokens": 100, "outputTokens": 10},
        "0.002035",
        ("3", "4", "0.3", "3.75"),
    ),
    # The whole input chooses the price: 1 * 9 + 6000 * 0.9
    ("tiered", {"inputTokens": 6001, "cachedInputTokens": 6000}, "0.005409", ("9", "4", "0.9", "3.75")),
    ("announced", {"inputTokens": 10}, "0.00001", ("1", "1", None, None)),
]


def figures(entry: dict[str, Any]) -> tuple[Any, ...]:
    """The cost of an entry, its source and its prices."""
    return tuple(value for name, value in entry.items() if name != "createdAt")


@pytest.mark.parametrize(("name", "tokens", "cost", "prices"), CASES, ids=[f"{c[0]} {[*c[1].values()]}" for c in CASES])
async def test_a_cost_is_worked_out_by_the_prices_of_the_model(
    user: Client, name: str, tokens: dict[str, int], cost: str, prices: tuple[str | None, ...]
) -> None:
    made = await user.make("recordUsage", "usageLog", SHOWN, provider="openai", model=name, **tokens)
    assert figures(made) == (cost, "CATALOGUE", *prices)
    null = await user.make("recordUsage", "usageLog", SHOWN, provider="openai", model=name, costUsd=None, **tokens)
    assert figures(null) == figures(made)


@pytest.mark.parametrize(
    ("provider", "name"), [("openai", "nobody-knows"), ("elsewhere", "plain"), ("openai", "plain-2026")]
)
async def test_a_call_of_an_unknown_model_costs_nothing_that_is_known(user: Client, provider: str, name: str) -> None:
    made = await user.make("recordUsage", "usageLog", SHOWN, provider=provider, model=name, inputTokens=1000)
    assert figures(made) == ("0", "UNKNOWN", None, None, None, None)


@pytest.mark.parametrize("cost", ["0", "0.0000001", "12.5"])
async def test_a_stated_cost_stands(user: Client, cost: str) -> None:
    given = {"provider": "openai", "model": "plain", "inputTokens": 1000, "costUsd": cost}
    assert figures(await user.make("recordUsage", "usageLog", SHOWN, **given)) == (cost, "STATED", *[None] * 4)


async def test_entries_keep_the_price_that_was_charged(user: Client, database: Database) -> None:
    given = {"provider": "openai", "model": "plain", "inputTokens": 10}
    await user.make("recordUsage", "usageLog", SHOWN, **given)
    await import_into(database, data(plain=7))
    await user.make("recordUsage", "usageLog", SHOWN, **given)
    found = await user.data(f"{{ viewer {{ usage {{ costUsd }} usageLogs {{ nodes {{ {SHOWN} }} }} }} }}")
    assert [figures(node)[:3] for node in found["viewer"]["usageLogs"]["nodes"]] == [
        ("0.00007", "CATALOGUE", "7"),
        ("0.00001", "CATALOGUE", "1"),
    ]
    assert found["viewer"]["usage"]["costUsd"] == "0.00008"


async def test_an_announced_price_is_charged_from_its_beginning(user: Client, database: Database) -> None:
    begins = datetime.datetime.fromisoformat(ANNOUNCED).replace(tzinfo=datetime.UTC)
    async with acting_as(database, user.user_id) as runtime:
        for moment in (begins - datetime.timedelta(microseconds=1), begins):
            await runtime.execute(
                "INSERT INTO usage_logs (user_id, provider, model, input_tokens, created_at)"
                " VALUES (tenant(), 'openai', 'announced', 10, $1)",
                moment,
            )
    found = await user.data("{ viewer { usageLogs { nodes { costUsd } } } }")
    assert [node["costUsd"] for node in found["viewer"]["usageLogs"]["nodes"]] == ["0.00005", "0.00001"]


async def test_entries_of_a_bulk_cost_what_single_ones_do(user: Client, superuser: asyncpg.Connection) -> None:
    items: list[dict[str, Any]] = [{"provider": "openai", "model": name, **tokens} for name, tokens, *_ in CASES]
    items += [{**items[0], "costUsd": "3"}, {"provider": "openai", "model": "nobody-knows"}]
    made: Any = await user.make("recordUsages", "usageLogs", SHOWN, items=items)
    assert [figures(entry) for entry in made] == [
        *((cost, "CATALOGUE", *prices) for _, _, cost, prices in CASES),
        ("3", "STATED", *[None] * 4),
        ("0", "UNKNOWN", *[None] * 4),
    ]
    assert await differences(superuser) == []


CALLS = "SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions WHERE funcname = 'model_price_at'"
"""How often the connection has looked up a price."""


@pytest.mark.parametrize(
    ("costs", "looked_up"), [([None, None, None], 2), ([None, "1", None], 1), (["1", "1", "1"], 0)], ids=str
)
async def test_a_price_is_looked_up_once_for_each_model_of_a_bulk(
    user: Client, superuser: asyncpg.Connection, costs: list[str | None], looked_up: int
) -> None:
    names = ("plain", "cheap", "plain")
    items = [{"provider": "openai", "model": name, "cost_usd": cost} for name, cost in zip(names, costs, strict=True)]
    async with superuser.transaction():
        await superuser.execute("SET LOCAL track_functions = 'all'")
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
        before = await superuser.fetchval(CALLS)
        made = await superuser.fetch("SELECT * FROM usage_logs_insert_all($1)", json.dumps(items))
        calls = await superuser.fetchval(CALLS) - before
    assert (len(made), calls) == (3, looked_up)


OF_TRIGGERS = {
    "cost_source": "catalogue",
    "input_usd_per_million": 7,
    "output_usd_per_million": 7,
    "cache_read_usd_per_million": 7,
    "cache_write_usd_per_million": 7,
    "is_over_quota": True,
}
"""Columns of an entry that only triggers write, with values that somebody might prefer."""


async def test_a_bulk_sets_no_column_that_only_triggers_write(database: Database, user: Client) -> None:
    items = [{"provider": "openai", "model": "plain", "cost_usd": 1} | sent for sent in ({}, OF_TRIGGERS)]
    async with acting_as(database, user.user_id) as runtime:
        honest, forged = await runtime.fetch("SELECT * FROM usage_logs_insert_all($1)", json.dumps(items))
        for column, value in OF_TRIGGERS.items():
            assert forged[column] == honest[column] != value, column
            text = f"INSERT INTO usage_logs (user_id, provider, model, {column}) VALUES ($1, 'p', 'm', $2)"  # noqa: S608
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await runtime.execute(text, uuid.UUID(user.user_id), value)


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"cachedInputTokens": 1}, ["cachedInputTokens"]),
        ({"inputTokens": 10, "cachedInputTokens": 11}, ["cachedInputTokens"]),
        ({"inputTokens": 10, "cachedInputTokens": 5, "cacheWriteInputTokens": 6}, ["cachedInputTokens"]),
        ({"inputTokens": 10, "cacheWriteInputTokens": 11}, ["cacheWriteInputTokens"]),
        ({"inputTokens": 10, "cachedInputTokens": -1}, ["cachedInputTokens"]),
        ({"inputTokens": -(2**31), "cacheWriteInputTokens": -(2**31)}, ["cacheWriteInputTokens", "inputTokens"]),
        ({"outputTokens": 10, "reasoningTokens": 11}, ["reasoningTokens"]),
        ({"reasoningTokens": 1}, ["reasoningTokens"]),
        ({"model": "\U0001f600é猫x" * 5000}, ["model"]),
        ({"purpose": "\U0001f600é猫x" * 5000}, ["purpose"]),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_wrong_numbers_are_refused_by_name(user: Client, values: dict[str, Any], fields: list[str]) -> None:
    payload = await user.mutate("recordUsage", "usageLog { id }", **{"provider": "openai", "model": "plain", **values})
    assert payload["usageLog"] is None
    assert sorted({error["field"][0] for error in payload["userErrors"]}) == fields
    assert {error["code"] for error in payload["userErrors"]} == {"INVALID"}
    assert (await user.data("{ viewer { usage { requests } } }"))["viewer"]["usage"] == {"requests": 0}
