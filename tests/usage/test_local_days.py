"""Days in the user's time zone equal a recount, also where clocks change and zones differ by quarters of an hour."""

from __future__ import annotations

import asyncio
import datetime
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.rows import differences
from tests.kit.serving import Client
from tests.usage.entries import TOTALS, insert_at

ZONES = {
    "UTC": "2026-03-01",
    "Asia/Kathmandu": "2026-03-01",
    "America/New_York": "2026-11-01",
    "Europe/Berlin": "2026-03-29",
    # Clocks change by half an hour.
    "Australia/Lord_Howe": "2026-04-05",
    # Midnight comes twice, and not at all.
    "America/Havana": "2026-11-01",
    "Asia/Beirut": "2026-03-29",
    "Pacific/Chatham": "2026-04-05",
    "Pacific/Kiritimati": "2026-03-01",
    "Pacific/Niue": "2026-03-01",
}
"""Zones, with a day on which the clocks change, if they do."""

DAYS = (
    "query($from: Date, $before: Date)"
    f" {{ viewer {{ localUsageDays(from: $from, before: $before) {{ day {TOTALS} }} }} }}"
)


def moments_around(day: str) -> list[datetime.datetime]:
    """Moments of four days, most of them just before or just after a quarter of an hour."""
    start = datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC) - datetime.timedelta(days=2)
    quarters = [start + n * datetime.timedelta(minutes=15) for n in range(0, 4 * 96, 2)]
    return [moment - datetime.timedelta(microseconds=n % 2) for n, moment in enumerate(quarters)]


async def days(user: Client, **bounds: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await user.data(DAYS, **bounds))["viewer"]["localUsageDays"]
    return found


@pytest.mark.parametrize("zone", ZONES)
async def test_local_days_equal_a_recount(
    user: Client, database: Database, superuser: asyncpg.Connection, zone: str
) -> None:
    moments = moments_around(ZONES[zone])
    await insert_at(database, user, moments)
    await user.make("updateUser", "user", timeZone=zone)
    local = [moment.astimezone(ZoneInfo(zone)).date().isoformat() for moment in moments]
    requests = Counter(local)
    tokens: Counter[str] = Counter()
    for n, date in enumerate(local, start=1):
        tokens[date] += n
    found = await days(user)
    assert [day["day"] for day in found] == sorted(requests, reverse=True)
    assert {day["day"]: day["requests"] for day in found} == requests
    assert {day["day"]: day["inputTokens"] for day in found} == tokens
    assert all(day["totalTokens"] == day["inputTokens"] + day["outputTokens"] for day in found)
    for day in found:
        after = (datetime.date.fromisoformat(day["day"]) + datetime.timedelta(days=1)).isoformat()
        assert await days(user, **{"from": day["day"], "before": after}) == [day]
    assert await differences(superuser) == []


async def test_a_change_of_the_zone_shows_the_days_of_the_new_one(user: Client, database: Database) -> None:
    await insert_at(database, user, [datetime.datetime(2026, 3, 1, 23, 0, tzinfo=datetime.UTC)])
    assert [day["day"] for day in await days(user)] == ["2026-03-01"]
    await user.make("updateUser", "user", timeZone="Europe/Berlin")
    assert [day["day"] for day in await days(user)] == ["2026-03-02"]
    await user.make("updateUser", "user", timeZone="America/Lima")
    assert [day["day"] for day in await days(user)] == ["2026-03-01"]
    found = await user.data("{ viewer { usageDays { nodes { day } } } }")
    assert found["viewer"]["usageDays"]["nodes"] == [{"day": "2026-03-01"}]


@pytest.mark.parametrize("bounds", [{"from": "0001-01-02"}, {"before": "9999-12-30"}], ids=str)
async def test_bounds_may_be_as_far_as_dates_go(user: Client, database: Database, bounds: dict[str, str]) -> None:
    await insert_at(database, user, [datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)])
    assert [day["day"] for day in await days(user, **bounds)] == ["2026-03-01"]


async def test_the_latest_days_are_returned(user: Client, database: Database) -> None:
    first = datetime.datetime(2025, 1, 1, 12, tzinfo=datetime.UTC)
    await insert_at(database, user, [first + datetime.timedelta(days=n) for n in range(403)])
    found = await days(user)
    assert len(found) == 400
    assert (found[0]["day"], found[-1]["day"]) == ("2026-02-07", "2025-01-04")


async def test_a_stranger_has_no_days(user: Client, stranger: Client, database: Database) -> None:
    await insert_at(database, user, [datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)])
    assert await days(stranger) == []


async def test_writers_over_midnight_lose_nothing(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    conversation = (await user.make("createConversation", "conversation"))["id"]
    midnight = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)
    moments = [midnight + datetime.timedelta(microseconds=n) for n in range(-10, 10)]
    async with asyncio.TaskGroup() as group:
        for n in range(4):
            group.create_task(insert_at(database, user, moments[n::4], conversation))
    assert await differences(superuser) == []
    assert [(day["day"], day["requests"]) for day in await days(user)] == [("2026-03-02", 10), ("2026-03-01", 10)]
    found = await user.data("{ viewer { usageDays { nodes { day requests conversations } } } }")
    assert [tuple(node.values()) for node in found["viewer"]["usageDays"]["nodes"]] == [
        ("2026-03-02", 10, 1),
        ("2026-03-01", 10, 1),
    ]


UNSUMMED = """
INSERT INTO usage_logs (user_id, conversation_id, provider, model, input_tokens, cost_usd, created_at, version)
SELECT
    tenant(), $1, 'openai', 'gpt-4o-mini', n, 0.5, '2026-03-02 00:00Z'::timestamptz + (n - 5) * interval '1 us', 0
FROM generate_series(1, 10) AS n
"""
SUM = "SELECT usage_logs_enter_all(array_agg(l ORDER BY created_at)) FROM usage_logs AS l WHERE user_id = tenant()"
SUMS = "SELECT requests, conversations FROM usage_days WHERE user_id = tenant() ORDER BY day"


async def test_a_bulk_over_midnight_is_summed_like_single_entries(user: Client, superuser: asyncpg.Connection) -> None:
    """The entries of a bulk are microseconds apart, so midnight can be between them."""
    conversation = (await user.make("createConversation", "conversation"))["id"]
    async with superuser.transaction():
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
        await superuser.execute("SET LOCAL session_replication_role = replica")
        await superuser.execute(UNSUMMED, conversation)
        await superuser.execute("SET LOCAL session_replication_role = origin")
        assert await differences(superuser) != []
        await superuser.execute(SUM)
        assert await differences(superuser) == []
        rows = await superuser.fetch(SUMS)
    assert [tuple(row) for row in rows] == [(4, 1), (6, 1)]
