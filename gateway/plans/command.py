"""`parley plan set`, `parley plan show` and `parley plan quotas`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from strawberry.utils.str_converters import to_camel_case

from gateway.config import Settings
from gateway.data.queries import Query, sql
from gateway.data.server.opening import bring_up_to_date, owner_connection, owner_transaction, reached_database
from gateway.json_file import Problems
from gateway.plans.quotas import PlanQuota, read_quotas
from gateway.refusal import Refusal
from gateway.telemetry.progress import bar, tell

USERS_AT_ONCE = 20
"""Whose quotas one transaction writes: their other writes wait for it."""

BY_SUBSCRIPTION = "subscription"
"""In place of a plan: the one that the user's subscriptions give."""

# Until no transaction that has read the old quotas is under way. Each user is given either these, or the new ones.
ALONE = "LOCK TABLE plan_quotas IN ACCESS EXCLUSIVE MODE"
REASON = """
SELECT coalesce(
    (SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = replace($1, 'plan_', 'usage_')),
    (SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE relname = $1))
"""
"""The wording of a rule, which is that of the same rule for the quotas of users, or of a unique index."""


async def set_plan(settings: Settings, name: str, plan: str, status: str) -> None:
    """Set the plan of the user with this address. With `BY_SUBSCRIPTION`, it follows the subscriptions again."""
    async with _owner(settings) as connection, _user(connection, name) as account:
        values = {"plan": None, "status": None} if plan == BY_SUBSCRIPTION else {"plan": plan, "status": status}
        await _rows(connection, sql.plans.plan.set, account=account, **values)
        ((row, *_), _) = await _shown(connection, account)
    tell(f"The plan of {name} is {row['plan_type']} ({row['plan_status']}).")


async def show_plan(settings: Settings, name: str) -> None:
    """Print the plan of the user with this address, the subscriptions and the quotas of the plan."""
    async with _owner(settings) as connection, _user(connection, name) as account:
        rows, quotas = await _shown(connection, account)
    by = "set by an operator" if rows[0]["is_plan_set"] else "by subscription"
    lines = [f"plan: {rows[0]['plan_type']} ({rows[0]['plan_status']}), {by}"]
    for row in rows:
        if row["provider"] is not None:
            ends = (
                f"ends {row['cancel_at']:%Y-%m-%d}"
                if row["cancel_at"]
                else f"until {row['current_period_end']:%Y-%m-%d}"
            )
            subscription = f"{row['provider']} {row['external_id']}"
            lines.append(f"subscription: {subscription}: {row['subscribed']} ({row['status']}), {ends}")
    lines += [f"quota: {_quota_line(quota)}" for quota in quotas]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _quota_line(quota: asyncpg.Record) -> str:
    of = [quota[name] for name in ("provider", "model", "automation") if quota[name] is not None]
    of += ["own keys count"] if quota["counts_own_key"] else []
    period = "in total" if quota["period"] == "total" else f"per {quota['period']}"
    amounts = f"{quota['used'].normalize():f} used, {quota['reserved'].normalize():f} reserved"
    what = f"{quota['limit'].normalize():f} {quota['unit']} {period}"
    calls = f" ({', '.join(of)})" if of else ""
    return f"{what}{calls}, {quota['mode']}: {amounts}"


async def set_quotas(settings: Settings, file: Path) -> None:
    """Make the quotas in a file those of the plans that it names, and of their users.

    If it is interrupted, some users still have the old quotas: run it again. Raises a `Refusal` if the file cannot be
    used, and then nothing has changed.
    """
    quotas = read_quotas(file)
    plans = list(quotas)
    async with _owner(settings) as connection:
        await _write(connection, quotas, file)
        async with owner_transaction(connection):
            (row,) = await _rows(connection, sql.plans.plan.number_of_users)
        last_id: UUID | None = UUID(int=0)
        with bar("Giving users the quotas of their plans", row["number"]) as advance:
            while last_id is not None:
                async with owner_transaction(connection):
                    values = {"plans": plans, "after_id": last_id, "most": USERS_AT_ONCE}
                    (row,) = await _rows(connection, sql.plans.plan.apply_quotas, **values)
                last_id = row["last_id"]
                advance(USERS_AT_ONCE)
    tell("; ".join(f"{plan}: {len(listed)} quotas" for plan, listed in quotas.items()) + ".")


async def _write(connection: asyncpg.Connection, quotas: Mapping[str, Sequence[PlanQuota]], file: Path) -> None:
    problems, place = Problems(str(file)), ""
    try:
        async with owner_transaction(connection):
            await connection.execute(ALONE)
            await _rows(connection, sql.plans.plan.remove_quotas, plans=list(quotas))
            for quota in (each for listed in quotas.values() for each in listed):
                place = quota.place
                values = dataclasses.asdict(quota)
                values.pop("place")
                await _rows(connection, sql.plans.plan.add_quota, **values)
    except asyncpg.IntegrityConstraintViolationError as error:
        name = str(error.constraint_name)
        reason = await connection.fetchval(REASON, name)
        field = to_camel_case(name.removeprefix("plan_quotas_").rpartition("_")[0])
        problems.add(f"{place}, {field}", str(reason or error))
    problems.refuse()


async def _shown(connection: asyncpg.Connection, account: UUID) -> tuple[list[asyncpg.Record], list[asyncpg.Record]]:
    return (
        await _rows(connection, sql.plans.plan.show, account=account),
        await _rows(connection, sql.plans.plan.quotas, account=account),
    )


async def _rows(connection: asyncpg.Connection, query: Query, **values: Any) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch(query.text, *query.arguments(None, values))
    return rows


@asynccontextmanager
async def _owner(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    async with reached_database(settings) as database:
        await bring_up_to_date(database)
        async with owner_connection(database) as connection:
            yield connection


@asynccontextmanager
async def _user(connection: asyncpg.Connection, name: str) -> AsyncIterator[UUID]:
    """A transaction that is stamped for the user with this address, and their id. Raises a `Refusal`."""
    async with owner_transaction(connection):
        found = await _rows(connection, sql.plans.plan.user_named, name=name)
        if not found:
            raise Refusal(f"There is no user with the address or the name {name}.")
        await _rows(connection, sql.plans.plan.act_for, account=found[0]["user_id"])
        yield found[0]["user_id"]
