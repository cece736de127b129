"""A reservation is settled by the call that it was made for, and a key pays only for calls of its own provider."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.kit.database import Database
from tests.kit.serving import Client
from tests.usage.models import import_into
from tests.usage.quotas.test_quota import CALL, amounts, provider_key, quota, record, reserve, status

WITH_KEY = "The reservation with this id is one for a call with your own API key: record other calls with another id."


@pytest.fixture(autouse=True, scope="module")
async def prices(database: Database) -> None:
    await import_into(database)


async def refusals(user: Client, **values: Any) -> list[tuple[str, str, str]]:
    """What is wrong with recording a call, which alone and in a list is the same."""
    given = {**CALL, **values}
    one = await user.mutate("recordUsage", "usageLog { id }", **given)
    many = await user.mutate("recordUsages", "usageLogs { id }", items=[given, CALL])
    assert (one["usageLog"], many["usageLogs"]) == (None, None)
    told = [(each["code"], each["field"][-1], each["message"]) for each in one["userErrors"]]
    assert [(each["code"], each["field"], each["message"]) for each in many["userErrors"]] == [
        (code, ["items", "0", field], message) for code, field, message in told
    ]
    return told


async def test_a_key_of_another_provider_is_refused(user: Client) -> None:
    other = await provider_key(user, "anthropic")
    assert await refusals(user, apiKeyId=other) == [
        ("INVALID", "apiKeyId", "This is a key of anthropic, and the call is one of openai.")
    ]
    assert await refusals(user, apiKeyId=str(uuid.uuid4())) == [
        ("NOT_FOUND", "apiKeyId", "There is no such provider key.")
    ]
    await record(user, provider="Anthropic", apiKeyId=other)


async def test_a_reservation_for_another_provider_is_not_settled(user: Client) -> None:
    await quota(user, 100)
    held = await reserve(user, estimatedInputTokens=60)
    assert await refusals(user, id=held["id"], provider="anthropic") == [
        (
            "CONFLICT",
            "provider",
            "The reservation with this id is one for openai, and the call is one of anthropic:"
            " record it with another id.",
        )
    ]
    assert (await status(user, held["id"]), await amounts(user)) == ("HELD", [(0, 60, 40)])


async def test_the_provider_may_answer_with_another_model(user: Client) -> None:
    """The quotas count the one that answered."""
    await quota(user, 100, model="gpt-small")
    held = await reserve(user, estimatedInputTokens=60)
    log = await record(user, id=held["id"], model="gpt-small", inputTokens=101)
    assert log["isOverQuota"] is True
    assert (await status(user, held["id"]), await amounts(user)) == ("SETTLED", [(101, 0, 0)])


async def test_a_call_is_settled_with_the_key_that_it_was_reserved_for(user: Client) -> None:
    """Otherwise, a quota would not see the call when it is reserved, or when it is recorded."""
    await quota(user, 100)
    key = await provider_key(user)
    own = await reserve(user, usedOwnApiKey=True, estimatedInputTokens=1000)
    assert await refusals(user, id=own["id"], inputTokens=1000) == [("CONFLICT", "usedOwnApiKey", WITH_KEY)]
    shared = await reserve(user, estimatedInputTokens=50)
    for claim in ({"usedOwnApiKey": True}, {"apiKeyId": key}):
        assert await refusals(user, id=shared["id"], inputTokens=50, **claim) == [
            ("CONFLICT", "usedOwnApiKey", WITH_KEY.replace("with your", "without your"))
        ]
    assert await amounts(user) == [(0, 50, 50)]
    await record(user, id=shared["id"], inputTokens=50)
    await record(user, id=own["id"], usedOwnApiKey=True, inputTokens=1000)
    assert await amounts(user) == [(50, 0, 50)]


async def test_a_key_that_has_gone_since_the_reservation_still_paid(user: Client) -> None:
    """And the same entry, recorded again, is the same."""
    await quota(user, 100)
    key = await provider_key(user)
    held = [await reserve(user, usedOwnApiKey=True, estimatedInputTokens=1000) for _ in range(3)]
    await user.make("updateProviderKey", "providerKey", id=key, isActive=False)
    claims: list[dict[str, Any]] = [{"usedOwnApiKey": True}, {"apiKeyId": key}]
    for claim, reserved in zip(claims, held, strict=False):
        values = {**CALL, "id": reserved["id"], "inputTokens": 1000, **claim}
        for _ in range(2):
            assert await user.make("recordUsage", "usageLog", "usedOwnApiKey isOverQuota", **values) == {
                "usedOwnApiKey": True,
                "isOverQuota": False,
            }
    item = {**CALL, "id": held[2]["id"], "usedOwnApiKey": True}
    for _ in range(2):
        many: Any = await user.make("recordUsages", "usageLogs", "usedOwnApiKey", items=[item])
        assert many == [{"usedOwnApiKey": True}]
    assert await amounts(user) == [(0, 0, 100)]


async def test_an_entry_that_is_recorded_again_is_the_same_whatever_keys_there_are(user: Client) -> None:
    held = await reserve(user, usedOwnApiKey=True)
    values = {**CALL, "id": held["id"], "usedOwnApiKey": True}
    assert await user.make("recordUsage", "usageLog", "usedOwnApiKey", **values) == {"usedOwnApiKey": False}
    await provider_key(user)
    assert await user.make("recordUsage", "usageLog", "usedOwnApiKey", **values) == {"usedOwnApiKey": False}
