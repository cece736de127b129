"""Periods of quotas at their edges, and what quotas count, against plain Python, at times that the tests choose."""

from __future__ import annotations

import datetime
import os
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from tests.kit.serving import Client

PROVIDERS, MODELS, AUTOMATIONS = ("openai", "anthropic"), ("large", "small"), (None, "nightly", "mail")

QUOTA = """
INSERT INTO usage_quotas (user_id, unit, period, provider, model, automation, "limit", mode, counts_own_key)
VALUES (tenant(), $1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
"""
LOG = """
INSERT INTO usage_logs (
    user_id, provider, model, automation, used_own_api_key, input_tokens, output_tokens, cost_usd, created_at)
VALUES (tenant(), $1, $2, $3, $4, $5, $6, $7, $8) RETURNING is_over_quota
"""
RESERVATION = """
INSERT INTO usage_reservations (
    user_id, id, provider, model, automation, used_own_api_key, estimated_input_tokens, estimated_output_tokens,
    estimated_cost_usd, expires_at, status, version)
VALUES (tenant(), uuid7(), $1, $2, $3, $4, $5, $6, $7, $8, $9, 1)
"""
STATE = "SELECT s.* FROM usage_quotas AS q CROSS JOIN LATERAL usage_quota_state(q, $2) AS s WHERE q.id = $1"
PERIOD = "SELECT begins_at, ends_at FROM usage_quota_period($1, $2)"


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Quota:
    unit: str
    period: str
    provider: str | None
    model: str | None
    automation: str | None
    limit: Decimal
    mode: str
    counts_own_key: bool


@dataclass(frozen=True)
class Call:
    provider: str
    model: str
    automation: str | None
    own_key: bool
    input_tokens: int
    output_tokens: int
    cost: Decimal


def begins(period: str, now: datetime.datetime) -> datetime.datetime:
    """When the period that contains a time begins."""
    cut: dict[str, dict[str, int]] = {
        "hour": {"minute": 0},
        "day": {"hour": 0, "minute": 0},
        "month": {"day": 1, "hour": 0, "minute": 0},
        "total": {"year": 1, "month": 1, "day": 1},
    }
    changed: Any = cut[period]
    return now.replace(second=0, microsecond=0, **changed)


def counts(quota: Quota, call: Call) -> bool:
    return (
        quota.provider in (None, call.provider)
        and quota.model in (None, call.model)
        and quota.automation in (None, call.automation)
        and (quota.counts_own_key or not call.own_key)
    )


def amount(quota: Quota, call: Call) -> Decimal:
    if not counts(quota, call):
        return Decimal(0)
    by_unit: dict[str, Decimal | int] = {
        "tokens": call.input_tokens + call.output_tokens,
        "usd": call.cost,
        "requests": 1,
        "bytes": 0,
    }
    return Decimal(by_unit[quota.unit])


@asynccontextmanager
async def acting(superuser: asyncpg.Connection, user: Client) -> AsyncIterator[None]:
    """A transaction of the superuser that is stamped for a user."""
    async with superuser.transaction():
        await superuser.execute("SELECT set_config('app.user_id', $1, true)", user.user_id)
        yield


@pytest.mark.parametrize(
    ("period", "now", "begin", "end"),
    [
        ("hour", "2026-03-01T12:00:00", "2026-03-01T12:00:00", "2026-03-01T13:00:00"),
        ("hour", "2026-03-01T12:59:59.999999", "2026-03-01T12:00:00", "2026-03-01T13:00:00"),
        ("day", "2026-03-29T00:00:00", "2026-03-29T00:00:00", "2026-03-30T00:00:00"),
        ("day", "2028-02-28T23:59:59.999999", "2028-02-28T00:00:00", "2028-02-29T00:00:00"),
        ("month", "2028-02-29T23:59:59.999999", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
        ("month", "2026-02-28T23:59:59.999999", "2026-02-01T00:00:00", "2026-03-01T00:00:00"),
        ("month", "2100-02-28T12:00:00", "2100-02-01T00:00:00", "2100-03-01T00:00:00"),
        ("month", "2026-01-31T12:00:00", "2026-01-01T00:00:00", "2026-02-01T00:00:00"),
        ("month", "2026-12-31T23:59:59", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
async def test_a_period_is_one_of_the_calendar_in_utc(
    superuser: asyncpg.Connection, period: str, now: str, begin: str, end: str
) -> None:
    for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu"):
        await superuser.execute(f"SET timezone = '{zone}'")
        assert tuple(*await superuser.fetch(PERIOD, period, at(now))) == (at(begin), at(end))
    await superuser.execute("RESET timezone")


@pytest.mark.parametrize(
    ("period", "last", "next_one"),
    [
        ("hour", "2026-03-01T12:59:59.999999", "2026-03-01T13:00:00"),
        ("day", "2026-03-01T23:59:59.999999", "2026-03-02T00:00:00"),
        ("month", "2028-02-29T23:59:59.999999", "2028-03-01T00:00:00"),
        ("month", "2026-12-31T23:59:59.999999", "2027-01-01T00:00:00"),
    ],
)
async def test_a_quota_begins_anew_with_its_period(
    user: Client, superuser: asyncpg.Connection, period: str, last: str, next_one: str
) -> None:
    call = ("openai", "large", None, False, 6, 4, Decimal(1))
    async with acting(superuser, user):
        id = await superuser.fetchval(QUOTA, "tokens", period, None, None, None, Decimal(10), "hard", False)
        assert [await superuser.fetchval(LOG, *call, at(last)) for _ in range(2)] == [False, True]
        assert [await superuser.fetchval(LOG, *call, at(next_one)) for _ in range(2)] == [False, True]
        (noted,) = await superuser.fetch("SELECT warned_at, exceeded_at FROM usage_quotas WHERE id = $1", id)
        assert tuple(noted) == (at(next_one), at(next_one))
        assert [await superuser.fetchval(STATE, id, at(now)) for now in (last, next_one)] == [20, 20]


async def test_a_reservation_counts_until_the_moment_it_expires(user: Client, superuser: asyncpg.Connection) -> None:
    async with acting(superuser, user):
        id = await superuser.fetchval(QUOTA, "requests", "day", None, None, None, Decimal(10), "hard", False)
        await superuser.execute("SET LOCAL session_replication_role = replica")
        end = at("2026-03-01T12:15:00")
        await superuser.execute(RESERVATION, "openai", "large", None, False, 1, 1, Decimal(1), end, "held")
        moments = [end - datetime.timedelta(microseconds=1), end, end + datetime.timedelta(microseconds=1)]
        assert [await superuser.fetchval(STATE, id, moment, column=1) for moment in moments] == [1, 0, 0]


@pytest.mark.parametrize("seed", range(4))
async def test_random_quotas_agree_with_plain_python(user: Client, superuser: asyncpg.Connection, seed: int) -> None:
    rng = random.Random(f"{os.environ.get('PARLEY_TEST_SEED', '14')} {seed}")  # noqa: S311 - for a test
    quotas: dict[uuid.UUID, Quota] = {}
    calls: list[tuple[datetime.datetime, Call]] = []
    held: list[tuple[datetime.datetime, str, Call]] = []

    def a_call() -> Call:
        tokens = rng.randrange(0, 200), rng.randrange(0, 200)
        cost = Decimal(rng.randrange(0, 5_000_000)) / 1_000_000
        names = rng.choice(PROVIDERS), rng.choice(MODELS), rng.choice(AUTOMATIONS)
        return Call(*names, rng.random() < 0.3, *tokens, cost)

    def expected(quota: Quota, now: datetime.datetime) -> tuple[Decimal, Decimal]:
        begin = begins(quota.period, now)
        used = sum((amount(quota, call) for when, call in calls if begin <= when), Decimal(0))
        living = (call for until, status, call in held if status == "held" and until > now)
        return used, sum((amount(quota, call) for call in living), Decimal(0))

    for provider in PROVIDERS:
        await user.make("createProviderKey", "providerKey", provider=provider, apiKey="sk-0123456789abcdef")
    now = at("2028-02-27T20:00:00")
    async with acting(superuser, user):
        for _ in range(12):
            quota = Quota(
                rng.choice(("tokens", "usd", "requests", "tokens", "usd", "bytes")),
                rng.choice(("hour", "day", "month", "total")),
                rng.choice((None, *PROVIDERS)),
                rng.choice((None, *MODELS)),
                rng.choice(AUTOMATIONS),
                Decimal(rng.randrange(10, 3000)),
                rng.choice(("soft", "hard")),
                rng.random() < 0.4,
            )
            if quota.unit == "bytes":
                quota = Quota(**{**vars(quota), "provider": None, "model": None, "automation": None})
            quotas[await superuser.fetchval(QUOTA, *vars(quota).values())] = quota
        for _ in range(10):
            call, until = a_call(), now + datetime.timedelta(minutes=rng.randrange(0, 6000))
            held.append((until, rng.choice(("held", "held", "released")), call))
            async with superuser.transaction():
                await superuser.execute("SET LOCAL session_replication_role = replica")
                await superuser.execute(RESERVATION, *vars(call).values(), until, held[-1][1])
                await superuser.execute("SET LOCAL session_replication_role = origin")
        for _ in range(80):
            now += datetime.timedelta(seconds=rng.choice((1, 600, 3599, 40_000)))
            call = a_call()
            over = any(
                quota.mode == "hard"
                and counts(quota, call)
                and quota.unit != "bytes"
                and sum(expected(quota, now)) + amount(quota, call) > quota.limit
                for quota in quotas.values()
            )
            assert await superuser.fetchval(LOG, *vars(call).values(), now) is over
            calls.append((now, call))
        for id, quota in quotas.items():
            ((used, reserved, *_),) = await superuser.fetch(STATE, id, now)
            assert (used, reserved) == expected(quota, now), quota
