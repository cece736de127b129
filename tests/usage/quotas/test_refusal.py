"""What a person reads who is refused: which quota, what is left of it, until when, and what would help."""

from __future__ import annotations

import re
from typing import Any

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.serving import Client
from tests.usage.models import import_into
from tests.usage.quotas.test_quota import quota, record, refused, reserve

RESETS = "it resets at <time>."
CHECK = """
query($input: Int! = 0, $output: Int! = 0, $cost: Decimal, $automation: String, $model: String! = "gpt-large") {
  checkUsage(provider: "openai", model: $model, estimatedInputTokens: $input, estimatedOutputTokens: $output,
      estimatedCostUsd: $cost, automation: $automation) { allowed reason quota { id } }
}
"""


@pytest.fixture(autouse=True, scope="module")
async def prices(database: Database) -> None:
    await import_into(database)


def timeless(message: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>", message)


async def check_refusal(user: Client, code: str, field: list[str] | None, message: str, **call: Any) -> None:
    """A reservation is refused so, and the question whether it would fit has the same answer."""
    error = await refused(user, **call)
    assert (error["code"], error["field"], timeless(error["message"])) == (code, field, message)
    names = {"estimatedInputTokens": "input", "estimatedOutputTokens": "output", "estimatedCostUsd": "cost"}
    checked = (await user.data(CHECK, **{names.get(name, name): value for name, value in call.items()}))["checkUsage"]
    assert (checked["allowed"], timeless(checked["reason"])) == (False, message)


TOKENS, USED = {"unit": "TOKENS", "limit": "100"}, {"inputTokens": 100}


@pytest.mark.parametrize(
    ("values", "used", "call", "field", "message"),
    [
        (
            {**TOKENS, "provider": "OpenAI", "model": "gpt-large", "automation": "nightly"},
            {"inputTokens": 30},
            {"estimatedInputTokens": 71, "automation": "nightly"},
            "estimatedInputTokens",
            "100 tokens per day for openai, the model gpt-large, the automation nightly has 70 left"
            " (30 used, 0 reserved), and the call needs 71: ",
        ),
        (
            TOKENS,
            {"inputTokens": 30},
            {"estimatedInputTokens": 20, "estimatedOutputTokens": 70},
            "estimatedOutputTokens",
            "100 tokens per day has 70 left (30 used, 0 reserved), and the call needs 90: ",
        ),
        (
            {**TOKENS, "model": "gpt-large"},
            USED,
            {"estimatedInputTokens": 1},
            "model",
            "100 tokens per day for the model gpt-large has 0 left (100 used, 0 reserved), and the call needs 1: ",
        ),
        (
            {**TOKENS, "provider": "openai"},
            USED,
            {"estimatedInputTokens": 1},
            "provider",
            "100 tokens per day for openai has 0 left (100 used, 0 reserved), and the call needs 1: ",
        ),
        (
            {**TOKENS, "automation": "nightly"},
            USED,
            {"estimatedInputTokens": 1, "automation": "nightly"},
            "automation",
            "100 tokens per day for the automation nightly has 0 left (100 used, 0 reserved), and the call needs 1: ",
        ),
        (
            {"unit": "REQUESTS", "limit": "1"},
            {},
            {},
            "usedOwnApiKey",
            "1 requests per day has 0 left (1 used, 0 reserved), and the call needs 1: ",
        ),
        (
            {"unit": "REQUESTS", "limit": "1", "countsOwnKey": True},
            {},
            {},
            None,
            "1 requests per day has 0 left (1 used, 0 reserved), and the call needs 1: ",
        ),
        (
            {"unit": "USD", "limit": "0.5"},
            {"costUsd": "0.1"},
            {"estimatedCostUsd": "0.41"},
            "estimatedCostUsd",
            "0.5 US dollars per day has 0.4 left (0.1 used, 0 reserved), and the call needs 0.41: ",
        ),
        (
            {"unit": "USD", "limit": "0.5"},
            {"costUsd": "0.1"},
            {"estimatedInputTokens": 1000, "estimatedOutputTokens": 20_000},
            "estimatedOutputTokens",
            "0.5 US dollars per day has 0.4 left (0.1 used, 0 reserved), and the call needs 0.61: ",
        ),
        (
            {"unit": "USD", "limit": "0.5"},
            {"costUsd": "0.1"},
            {"estimatedInputTokens": 50_000},
            "estimatedInputTokens",
            "0.5 US dollars per day has 0.4 left (0.1 used, 0 reserved), and the call needs 0.5: ",
        ),
    ],
)
async def test_a_refusal_says_which_quota_and_what_would_help(
    user: Client, values: dict[str, Any], used: dict[str, Any], call: dict[str, Any], field: str | None, message: str
) -> None:
    await user.make("createUsageQuota", "usageQuota", period="DAY", **values)
    await record(user, **used, **({"automation": "nightly"} if "automation" in values else {}))
    await check_refusal(
        user, "CONFLICT", None if field is None else [field], f"Your quota of {message}{RESETS}", **call
    )


async def test_a_quota_in_total_never_resets(user: Client) -> None:
    await quota(user, 10, period="TOTAL")
    await reserve(user, estimatedInputTokens=4)
    message = "Your quota of 10 tokens in total has 6 left (0 used, 4 reserved), and the call needs 7: it never resets."
    await check_refusal(user, "CONFLICT", ["estimatedInputTokens"], message, estimatedInputTokens=7)


async def test_a_call_without_a_price_needs_an_estimate(user: Client) -> None:
    await quota(user, "2.50", "USD", "MONTH")
    message = (
        "The price of this model is not known, and your quota of 2.5 US dollars per month limits the cost:"
        " state an estimate."
    )
    await check_refusal(user, "INVALID", ["estimatedCostUsd"], message, model="unheard-of")


async def test_a_quota_of_the_plan_is_called_so(user: Client, superuser: asyncpg.Connection) -> None:
    async with superuser.transaction():
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
        await superuser.execute(
            'INSERT INTO usage_quotas (user_id, unit, period, "limit", set_by)'
            " VALUES (tenant(), 'tokens', 'month', 10, 'system')"
        )
    message = "The quota of your plan of 10 tokens per month has 10 left (0 used, 0 reserved), and the call needs 11: "
    await check_refusal(user, "CONFLICT", ["estimatedInputTokens"], message + RESETS, estimatedInputTokens=11)


async def test_what_helps_does_help(user: Client) -> None:
    """The field that the refusal names, changed as it says."""
    await quota(user, 10, model="gpt-large")
    error = await refused(user, estimatedInputTokens=5, estimatedOutputTokens=6)
    assert error["field"] == ["estimatedOutputTokens"]
    await reserve(user, estimatedInputTokens=5, estimatedOutputTokens=5)
    assert (await refused(user, estimatedInputTokens=1))["field"] == ["model"]
    await reserve(user, model="gpt-small", estimatedInputTokens=1)


async def test_there_is_no_reason_if_it_is_allowed(user: Client) -> None:
    await quota(user, 10, mode="SOFT")
    assert (await user.data(CHECK, input=11))["checkUsage"] == {"allowed": True, "reason": None, "quota": None}


async def test_the_question_has_the_rules_of_the_reservation(user: Client) -> None:
    for values, argument in (
        ({"input": -1}, "estimatedInputTokens"),
        ({"output": 1_000_000_001}, "estimatedOutputTokens"),
        ({"cost": "1000001"}, "estimatedCostUsd"),
        ({"model": ""}, "model"),
        ({"automation": "x" * 101}, "automation"),
    ):
        (error,) = (await user.run(CHECK, **values))["errors"]
        assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_REQUEST", argument)
        names = {"input": "estimatedInputTokens", "output": "estimatedOutputTokens", "cost": "estimatedCostUsd"}
        refusal = await refused(user, **{names.get(name, name): value for name, value in values.items()})
        assert (refusal["code"], refusal["field"]) == ("INVALID", [argument])
        assert error["message"] == f"{argument}: {refusal['message']}"


async def test_the_same_quota_is_made_once(user: Client) -> None:
    values = {"unit": "TOKENS", "period": "DAY", "limit": "10", "provider": "openai", "model": "gpt-large"}
    first = await user.make("createUsageQuota", "usageQuota", **values)
    spelled: list[dict[str, str]] = [{}, {"limit": "10.0"}, {"provider": "OpenAI"}, {"model": "GPT-large"}]
    for same in spelled:
        payload = await user.mutate("createUsageQuota", "usageQuota { id }", **{**values, **same})
        (error,) = payload["userErrors"]
        assert (error["code"], error["field"], error["message"]) == (
            "CONFLICT",
            ["limit"],
            "You have the same quota already.",
        )
    others: list[dict[str, Any]] = [
        {"limit": "20"},
        {"mode": "SOFT"},
        {"period": "HOUR"},
        {"countsOwnKey": True},
        {"model": None},
    ]
    made = [await user.make("createUsageQuota", "usageQuota", **{**values, **other}) for other in others]
    payload = await user.mutate("updateUsageQuota", "usageQuota { id }", id=made[0]["id"], limit="10")
    assert [each["code"] for each in payload["userErrors"]] == ["CONFLICT"]
    await user.make("deleteUsageQuota", "usageQuota", id=first["id"])
    await user.make("createUsageQuota", "usageQuota", **values)
    payload = await user.mutate("restoreUsageQuota", "usageQuota { id }", id=first["id"])
    assert [each["code"] for each in payload["userErrors"]] == ["CONFLICT"]
