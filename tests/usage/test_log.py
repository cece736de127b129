"""The usage log: exact sums, filters, and lines that never change."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.rows import NO_ROW
from tests.kit.runtime import acting_as
from tests.kit.serving import Client

MODEL = {"provider": "openai", "model": "gpt-4o-mini"}
LISTED = "query($filter: UsageLogFilter) { viewer { usageLogs(filter: $filter) { nodes { model inputTokens } } } }"


async def _record(user: Client, **values: Any) -> dict[str, Any]:
    return await user.make("recordUsage", "usageLog", "id createdAt", **{**MODEL, **values})


async def test_many_small_prices_add_up_exactly(user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    for _ in range(10):
        await _record(user, conversationId=conversation, costUsd="0.1", inputTokens=3, outputTokens=4)
    await _record(user, costUsd="0.000001", inputTokens=1)
    found = await user.data(
        "query($id: ID!) { conversation(id: $id) { usage { requests inputTokens outputTokens totalTokens costUsd } }"
        " viewer { usage { requests inputTokens outputTokens totalTokens costUsd }"
        " usageDays { nodes { requests conversations totalTokens costUsd } } } }",
        id=conversation,
    )
    one = {"requests": 10, "inputTokens": 30, "outputTokens": 40, "totalTokens": 70, "costUsd": "1"}
    assert found["conversation"]["usage"] == one
    assert found["viewer"]["usage"] == {
        **one,
        "requests": 11,
        "inputTokens": 31,
        "totalTokens": 71,
        "costUsd": "1.000001",
    }
    days = found["viewer"]["usageDays"]["nodes"]
    assert sum(day["requests"] for day in days) == 11
    assert sum(Decimal(day["costUsd"]) for day in days) == Decimal("1.000001")


@pytest.mark.parametrize(
    ("sent", "kept", "hundredfold"),
    [
        ("0.00000255", "0.00000255", "0.000255"),
        (17 * 0.15 / 1_000_000, "0.00000255", "0.000255"),
        (0.30000000000000004, "0.3", "30"),
        ("0.000000000001", "0.000000000001", "0.0000000001"),
        ("0.0000000000005", "0", "0"),
        ("0.0000000000015", "0.000000000002", "0.0000000002"),
        ("999999.999999999999", "999999.999999999999", "99999999.9999999999"),
    ],
)
async def test_a_price_keeps_twelve_decimals_in_the_log_and_in_each_sum(
    user: Client, sent: str | float, kept: str, hundredfold: str
) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    operation = "mutation($input: RecordUsageInput!) { recordUsage(input: $input) { usageLog { costUsd } } }"
    given = {**MODEL, "conversationId": conversation, "costUsd": sent}
    for _ in range(100):
        assert (await user.data(operation, input=given))["recordUsage"] == {"usageLog": {"costUsd": kept}}
    found = await user.data(
        "query($id: ID!) { conversation(id: $id) { usage { costUsd } usageLogs(first: 1) { nodes { costUsd } } }"
        " viewer { usage { costUsd } usageDays { nodes { costUsd } } } }",
        id=conversation,
    )
    assert found == {
        "conversation": {"usage": {"costUsd": hundredfold}, "usageLogs": {"nodes": [{"costUsd": kept}]}},
        "viewer": {"usage": {"costUsd": hundredfold}, "usageDays": {"nodes": [{"costUsd": hundredfold}]}},
    }


async def test_a_line_sent_again_is_counted_once(user: Client) -> None:
    given = {"id": str(uuid.uuid4()), "inputTokens": 5, "costUsd": "0.10"}
    made = await _record(user, **given)
    assert await _record(user, **given) == made
    assert (await user.data("{ viewer { usage { requests } } }"))["viewer"]["usage"] == {"requests": 1}
    payload = await user.mutate("recordUsage", "usageLog { inputTokens }", **MODEL, **{**given, "inputTokens": 6})
    assert payload["usageLog"] == {"inputTokens": 5}
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["id"])]
    assert (await user.data("{ viewer { usage { requests } } }"))["viewer"]["usage"] == {"requests": 1}


async def test_the_log_is_listed_last_first_and_filtered(user: Client) -> None:
    await _record(user, inputTokens=1)
    second = await _record(user, inputTokens=2, provider="anthropic", model="claude-sonnet-4-5")
    await _record(user, inputTokens=3)

    async def listed(**filter: Any) -> list[int]:
        found = await user.data(LISTED, filter=filter)
        return [line["inputTokens"] for line in found["viewer"]["usageLogs"]["nodes"]]

    assert await listed() == [3, 2, 1]
    assert await listed(provider=["anthropic"]) == [2]
    assert await listed(provider=["anthropic", "openai"]) == [3, 2, 1]
    assert await listed(provider=[]) == []
    assert await listed(model=["gpt-4o-mini"], createdBefore=second["createdAt"]) == [1]
    assert await listed(createdFrom=second["createdAt"]) == [3, 2]
    assert await listed(provider=None) == [3, 2, 1]


async def test_days_are_summed_from_a_day_and_before_a_day(user: Client, database: Database) -> None:
    async with acting_as(database, user.user_id) as runtime:
        for day, tokens in ((1, 1), (2, 10), (3, 100)):
            await runtime.execute(
                "INSERT INTO usage_logs (user_id, provider, model, input_tokens, created_at)"
                " VALUES (tenant(), 'openai', 'gpt-4o-mini', $1, $2)",
                tokens,
                # The last microsecond of the day, so that a day of another zone would be another day.
                datetime.datetime(2026, 3, day, 23, 59, 59, 999_999, tzinfo=datetime.UTC),
            )

    async def summed(**bounds: str) -> int:
        operation = (
            "query($from: Date, $before: Date) { viewer { usage(from: $from, before: $before) { totalTokens } } }"
        )
        found = await user.data(operation, **bounds)
        total: int = found["viewer"]["usage"]["totalTokens"]
        return total

    assert await summed() == 111
    assert await summed(**{"from": "2026-03-02"}) == 110
    assert await summed(before="2026-03-02") == 1
    assert await summed(**{"from": "2026-03-02", "before": "2026-03-03"}) == 10
    assert await summed(**{"from": "2026-03-04"}) == 0
    days = '{ viewer { usageDays(filter: { dayFrom: "2026-03-02", dayBefore: "2026-03-03" }) { nodes { day } } } }'
    assert (await user.data(days))["viewer"]["usageDays"]["nodes"] == [{"day": "2026-03-02"}]


async def test_a_user_without_calls_has_sums_of_zero(user: Client) -> None:
    found = await user.data("{ viewer { usage { requests inputTokens costUsd } usageDays { totalCount } } }")
    assert found["viewer"] == {
        "usage": {"requests": 0, "inputTokens": 0, "costUsd": "0"},
        "usageDays": {"totalCount": 0},
    }


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"provider": ""}, "INVALID", "provider"),
        ({"model": "x" * 101}, "INVALID", "model"),
        ({"inputTokens": -1}, "INVALID", "inputTokens"),
        ({"outputTokens": 1_000_000_001}, "INVALID", "outputTokens"),
        ({"costUsd": "-0.1"}, "INVALID", "costUsd"),
        ({"costUsd": "1000001"}, "INVALID", "costUsd"),
        ({"conversationId": NO_ROW}, "NOT_FOUND", "conversationId"),
        ({"messageId": NO_ROW}, "INVALID", "messageId"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_bad_line_is_refused_by_name(user: Client, values: dict[str, Any], code: str, field: str) -> None:
    payload = await user.mutate("recordUsage", "usageLog { id }", **{**MODEL, **values})
    assert payload["usageLog"] is None
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [(code, [field])]
    assert (await user.data("{ viewer { usage { requests } } }"))["viewer"]["usage"] == {"requests": 0}


@pytest.mark.parametrize("statement", ["UPDATE usage_logs SET cost_usd = 0", "DELETE FROM usage_logs"])
@pytest.mark.parametrize("table", ["usage_logs", "usage_days"])
async def test_direct_sql_cannot_change_what_was_used(
    user: Client, database: Database, statement: str, table: str
) -> None:
    await _record(user, costUsd="1")
    async with acting_as(database, user.user_id) as runtime:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime.execute(statement.replace("usage_logs", table))
