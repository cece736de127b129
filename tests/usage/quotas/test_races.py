"""Whatever happens at once, in several gateways, hard quotas are never passed, and nothing is held for ever."""

from __future__ import annotations

import asyncio
import os
import random
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.faults.servers.process import GatewayProcess
from tests.kit.database import Database
from tests.kit.serving import Client, Serving, serving_on

AT_ONCE = 100

RESERVE = """
mutation($input: ReserveUsageInput!) {
  reserveUsage(input: $input) {
    usageReservation { estimatedInputTokens estimatedOutputTokens estimatedCostUsd } userErrors { code message }
  }
}
"""
RECORD = "mutation($input: RecordUsageInput!) { recordUsage(input: $input) { usageLog { isOverQuota } } }"
STATE = "{ viewer { usageQuotas { nodes { unit used reserved remaining limit } } } }"
LEFT = """
SELECT sum(s.reserved) FROM usage_quotas AS q
CROSS JOIN LATERAL usage_quota_state(q, clock_timestamp() + interval '15 minutes') AS s
WHERE q.user_id = $1
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the gateways, with their keys."""
    return tmp_path_factory.mktemp("gateways")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateways(database: Database, directory: Path) -> AsyncIterator[Sequence[Serving]]:
    """Three gateways on one database."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving_on(database, directory)) for _ in range(3)]


@pytest_asyncio.fixture(loop_scope="module")
async def clients(gateways: Sequence[Serving]) -> Sequence[Client]:
    """A new user, at each of the gateways."""
    user = await gateways[0].signed_up()
    return [replace(user, http=each.http, url=each.url) for each in gateways]


def dice(name: str) -> random.Random:
    return random.Random(f"{os.environ.get('PARLEY_TEST_SEED', '14')} {name}")  # noqa: S311 - for a test


def some_calls(chance: random.Random) -> list[dict[str, Any]]:
    """Calls of random sizes, with ids."""
    return [
        {
            "id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "provider": chance.choice(("openai", "anthropic")),
            "model": "any",
            "estimatedInputTokens": chance.randrange(0, 100),
            "estimatedOutputTokens": chance.randrange(0, 100),
            "estimatedCostUsd": str(Decimal(chance.randrange(0, 2_000_000)) / 1_000_000),
        }
        for _ in range(AT_ONCE)
    ]


def needs(unit: str, call: dict[str, Any]) -> Decimal:
    tokens = call["estimatedInputTokens"] + call["estimatedOutputTokens"]
    return {"TOKENS": Decimal(tokens), "USD": Decimal(call["estimatedCostUsd"]), "REQUESTS": Decimal(1)}[unit]


async def reserve(client: Client, call: dict[str, Any]) -> bool:
    """Whether a reservation is held; otherwise a quota must have refused it."""
    made = (await client.data(RESERVE, input=call))["reserveUsage"]
    if made["usageReservation"] is None:
        assert [each["code"] for each in made["userErrors"]] == ["CONFLICT"]
        assert ", and the call needs " in made["userErrors"][0]["message"]
    return made["usageReservation"] is not None


async def state(client: Client) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await client.data(STATE))["viewer"]["usageQuotas"]["nodes"]
    return nodes


@pytest.mark.parametrize(
    "limits",
    [{"USD": "20.000001"}, {"TOKENS": "2500"}, {"REQUESTS": "17"}, {"USD": "40", "TOKENS": "4000", "REQUESTS": "40"}],
    ids=str,
)
async def test_reservations_at_once_never_pass_a_hard_quota(clients: Sequence[Client], limits: dict[str, str]) -> None:
    for unit, limit in limits.items():
        await clients[0].make("createUsageQuota", "usageQuota", unit=unit, period="DAY", limit=limit)
    calls = some_calls(dice(f"at once {limits}"))
    held = await asyncio.gather(*(reserve(clients[n % 3], call) for n, call in enumerate(calls)))
    assert 0 < sum(held) < AT_ONCE
    left = {}
    for quota in await state(clients[1]):
        total = sum(
            (needs(quota["unit"], call) for call, is_held in zip(calls, held, strict=True) if is_held), Decimal(0)
        )
        assert Decimal(quota["reserved"]) == total <= Decimal(limits[quota["unit"]])
        left[quota["unit"]] = Decimal(limits[quota["unit"]]) - total
        assert Decimal(quota["remaining"]) == left[quota["unit"]]
    # What is left only became less, so each that was refused would still be too much.
    for call, is_held in zip(calls, held, strict=True):
        assert is_held or any(needs(unit, call) > remaining for unit, remaining in left.items()), call


async def test_reserving_recording_and_releasing_at_once_stay_within_the_quota(clients: Sequence[Client]) -> None:
    chance = dice("all at once")
    limits = {"USD": Decimal(15), "TOKENS": Decimal(1500), "REQUESTS": Decimal(25)}
    for unit, limit in limits.items():
        await clients[0].make("createUsageQuota", "usageQuota", unit=unit, period="HOUR", limit=str(limit))
    used = dict.fromkeys(limits, Decimal(0))

    async def work(number: int, call: dict[str, Any]) -> None:
        client, other = clients[number % 3], clients[(number + 1) % 3]
        if not await reserve(client, call):
            return
        if number % 3 == 0:
            await other.make("releaseUsage", "usageReservation", id=call["id"])
            return
        # It needs no more than was estimated.
        part = chance.randrange(0, 3)
        real = {
            "inputTokens": call["estimatedInputTokens"] * part // 2,
            "outputTokens": call["estimatedOutputTokens"] * part // 2,
            "costUsd": str(Decimal(call["estimatedCostUsd"]) * part / 2),
        }
        names = {name: call[name] for name in ("id", "provider", "model")}
        recorded = await other.data(RECORD, input={**names, **real})
        assert recorded["recordUsage"]["usageLog"] == {"isOverQuota": False}
        used["REQUESTS"] += 1
        used["TOKENS"] += real["inputTokens"] + real["outputTokens"]
        used["USD"] += Decimal(real["costUsd"])

    await asyncio.gather(*(work(number, call) for number, call in enumerate(some_calls(chance))))
    for quota in await state(clients[0]):
        assert Decimal(quota["used"]) == used[quota["unit"]] <= limits[quota["unit"]]
        assert Decimal(quota["reserved"]) == 0


async def test_the_same_reservation_at_once_is_held_once(clients: Sequence[Client]) -> None:
    await clients[0].make("createUsageQuota", "usageQuota", unit="REQUESTS", period="DAY", limit="1")
    (call, *_) = some_calls(dice("the same"))
    assert await asyncio.gather(*(reserve(clients[n % 3], call) for n in range(30))) == [True] * 30
    (quota,) = await state(clients[0])
    assert (quota["reserved"], quota["remaining"]) == ("1", "0")


async def test_a_reservation_that_expires_while_it_is_settled_counts_once(
    clients: Sequence[Client], superuser: asyncpg.Connection
) -> None:
    await clients[0].make("createUsageQuota", "usageQuota", unit="REQUESTS", period="DAY", limit="50")
    calls = some_calls(dice("expiring"))[:50]
    assert all(await asyncio.gather(*(reserve(clients[0], call) for call in calls)))

    async def expire() -> None:
        text = "UPDATE usage_reservations SET expires_at = clock_timestamp() WHERE user_id = $1 AND id = $2"
        for call in calls:
            await superuser.execute(text, uuid.UUID(clients[0].user_id), uuid.UUID(call["id"]))

    async def settle(number: int) -> Any:
        names = {name: calls[number][name] for name in ("id", "provider", "model")}
        return (await clients[number % 3].data(RECORD, input=names))["recordUsage"]["usageLog"]["isOverQuota"]

    over, _ = await asyncio.gather(asyncio.gather(*map(settle, range(50))), expire())
    assert set(over) == {False}
    (quota,) = await state(clients[0])
    assert (quota["used"], quota["reserved"]) == ("50", "0")


async def test_a_killed_gateway_leaves_no_reservation_for_ever(
    clients: Sequence[Client], database: Database, superuser: asyncpg.Connection, directory: Path
) -> None:
    await clients[0].make("createUsageQuota", "usageQuota", unit="REQUESTS", period="DAY", limit="60")
    await superuser.execute(f"REVOKE TEMPORARY ON DATABASE {database.name} FROM PUBLIC")
    process = GatewayProcess(directory, settings={"PARLEY_DATABASE_URL": database.runtime_url})
    await process.start()
    killed = asyncio.Event()
    doomed = replace(clients[0], url=process.url)
    calls = some_calls(dice("killed"))
    answered = 0

    async def through_it(call: dict[str, Any]) -> bool | None:
        nonlocal answered
        try:
            held = await reserve(doomed, call)
        except Exception:  # noqa: BLE001 - whatever the client meets when the process dies
            return None
        answered += 1
        if answered == 10:
            await process.kill()
            killed.set()
        return held

    async with asyncio.timeout(60):
        first = await asyncio.gather(*map(through_it, calls))
        await killed.wait()
    assert None in first
    assert True in first
    # Sent again to others, each is held once, whether or not the killed process had committed it.
    again = await asyncio.gather(*(reserve(clients[1 + n % 2], call) for n, call in enumerate(calls)))
    assert all(again[n] for n, held in enumerate(first) if held)
    assert sum(again) == 60
    (quota,) = await state(clients[1])
    assert quota["reserved"] == "60"
    assert await superuser.fetchval(LEFT, uuid.UUID(clients[0].user_id)) == 0
