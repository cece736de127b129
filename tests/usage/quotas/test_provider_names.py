"""The name of a provider is the same in any case, and with space around it: for quotas, keys, prices and sums."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.database import Database
from tests.kit.serving import Client
from tests.usage.models import import_into
from tests.usage.quotas.test_quota import CALL, CHECK, amounts, provider_key, quota, record, refused, reserve

SPELLINGS = ["OpenAI", " openai", "OPENAI\t"]
SHOWN = "provider model isOverQuota usedOwnApiKey costUsd costSource"


@pytest.fixture(autouse=True, scope="module")
async def prices(database: Database) -> None:
    await import_into(database)


async def test_another_spelling_evades_no_quota(user: Client) -> None:
    await quota(user, 10, provider="openai")
    for provider in SPELLINGS:
        assert (await refused(user, provider=provider, estimatedInputTokens=11))["code"] == "CONFLICT"
        assert (await user.data(CHECK, provider=provider, **{"in": 11}))["checkUsage"]["allowed"] is False
        given = {**CALL, "provider": provider, "inputTokens": 11}
        one = await user.make("recordUsage", "usageLog", SHOWN, **given)
        many: Any = await user.make("recordUsages", "usageLogs", SHOWN, items=[given, CALL])
        for each in (one, *many):
            assert each == {
                "provider": "openai",
                "model": "gpt-large",
                "isOverQuota": True,
                "usedOwnApiKey": False,
                "costUsd": "0.00011" if each is not many[1] else "0",
                "costSource": "CATALOGUE",
            }
    assert await amounts(user) == [(66, 0, 0)]


async def test_a_quota_may_spell_it_in_another_way(user: Client) -> None:
    made = await user.make(
        "createUsageQuota", "usageQuota", "id provider", unit="TOKENS", period="DAY", limit="10", provider=" OpenAI "
    )
    assert made["provider"] == "openai"
    assert (await refused(user, estimatedInputTokens=11))["code"] == "CONFLICT"
    updated = await user.make("updateUsageQuota", "usageQuota", "provider", id=made["id"], provider="Anthropic")
    assert updated == {"provider": "anthropic"}
    await reserve(user, estimatedInputTokens=11)


async def test_nor_does_another_spelling_of_the_model(user: Client) -> None:
    await quota(user, 10, model="GPT-Large")
    for model in ("gpt-large", "GPT-LARGE", "gpt-Large "):
        assert (await refused(user, model=model, estimatedInputTokens=11))["code"] == "CONFLICT"
    await reserve(user, model="gpt-larger", estimatedInputTokens=11)


async def test_a_key_is_one_of_the_provider_in_any_spelling(user: Client) -> None:
    await quota(user, 10)
    key = await provider_key(user)
    for provider in SPELLINGS:
        assert (await user.data(CHECK, provider=provider, own=True, **{"in": 11}))["checkUsage"]["allowed"] is True
        held = await reserve(user, provider=provider, usedOwnApiKey=True, estimatedInputTokens=11)
        await record(user, id=held["id"], provider="openai", usedOwnApiKey=True, inputTokens=11)
        log = await user.make("recordUsage", "usageLog", SHOWN, **CALL, apiKeyId=key, inputTokens=11)
        assert (log["usedOwnApiKey"], log["isOverQuota"]) == (True, False)
    assert await amounts(user) == [(0, 0, 10)]


async def test_sums_have_one_group(user: Client, database: Database) -> None:
    for provider in SPELLINGS:
        await record(user, provider=provider)
        await user.make("recordUsages", "usageLogs", items=[{**CALL, "provider": provider}] * 2)
    groups = await user.data("{ viewer { usageBy(dimension: PROVIDER) { key requests } } }")
    assert groups["viewer"]["usageBy"] == [{"key": "openai", "requests": 9}]


async def test_a_name_of_nothing_but_space_is_refused(user: Client) -> None:
    for name, field, values in (
        ("recordUsage", "usageLog", {}),
        ("reserveUsage", "usageReservation", {}),
        ("createUsageQuota", "usageQuota", {"unit": "TOKENS", "period": "DAY", "limit": "1", "model": "any"}),
    ):
        payload = await user.mutate(name, f"{field} {{ id }}", **{"model": "any", "provider": " \t", **values})
        refusal = ("INVALID", ["provider"], "A provider name has 1 to 50 characters.")
        assert [(each["code"], each["field"], each["message"]) for each in payload["userErrors"]] == [refusal]
