"""Quotas: how much usage a user allows, or a plan, in a period; and the question whether a call would fit.

How much is used is read from the sums of usage and the living reservations, by one statement for all quotas of a level.
"""

from __future__ import annotations

import asyncio
import datetime
import enum
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from gateway import (
    Actor,
    BadRequest,
    Info,
    Invalid,
    Node,
    computed,
    entity,
    enum_type,
    object_type,
    query,
    sql,
    standard,
)
from resolvers.usage.reservation import UsageReservation


@enum_type
class QuotaUnit(enum.Enum):
    """What a quota counts."""

    TOKENS = "tokens"
    """Tokens, input and output together."""
    USD = "usd"
    """The cost in US dollars."""
    REQUESTS = "requests"
    """Model calls."""
    BYTES = "bytes"
    """Bytes of files. There are no files yet, so such a quota counts nothing and refuses nothing."""


@enum_type
class QuotaPeriod(enum.Enum):
    """The time for which a quota allows its limit. Periods begin in UTC."""

    HOUR = "hour"
    """Each hour, from minute 0."""
    DAY = "day"
    """Each day, from midnight."""
    MONTH = "month"
    """Each calendar month, from midnight of its first day."""
    TOTAL = "total"
    """All time: it never resets."""


@enum_type
class QuotaMode(enum.Enum):
    """What happens when a quota is used up."""

    SOFT = "soft"
    """Nothing is refused. `exceededAt` shows when the limit was passed."""
    HARD = "hard"
    """Reservations are refused. Usage that is recorded without one is taken and marked (`UsageLog.isOverQuota`)."""


@entity("usage_quotas")
class UsageQuota(Node):
    """How much usage is allowed in a period: a budget of the user's, or a quota of the plan."""

    unit: QuotaUnit
    """What it counts."""
    period: QuotaPeriod
    """The time for which the limit is allowed."""
    provider: str | None
    """The model provider whose calls it counts, in lower case; null for all."""
    model: str | None
    """The model whose calls it counts, in whatever case it is recorded; null for all. A dated name, such as
    `gpt-4o-2024-08-06`, is another model."""
    automation: str | None
    """The automation whose calls it counts; null for all calls, with and without one."""
    limit: Decimal
    """The most that may be used in a period, in `unit`."""
    mode: QuotaMode
    """What happens when it is used up."""
    counts_own_key: bool
    """Whether it also counts calls with the user's own API keys."""
    set_by: Actor
    """Who set it: `USER`, or `SYSTEM` for a quota of the plan, which the user can neither change nor delete."""
    warned_at: datetime.datetime | None
    """When recorded usage last passed 80 % of the limit, noted once per period; null if it never has."""
    exceeded_at: datetime.datetime | None
    """When recorded usage last passed the limit, noted once per period; null if it never has."""
    deleted_at: datetime.datetime | None
    """When it was deleted, and no longer limits anything; null if it is not deleted."""

    @computed("id")
    async def used(self, info: Info) -> Decimal:
        """What has been used in the present period, by the usage log, in `unit`."""
        return (await _state(info, self))["used"]  # type: ignore[no-any-return]

    @computed("id")
    async def reserved(self, info: Info) -> Decimal:
        """What reservations hold at present, in `unit`."""
        return (await _state(info, self))["reserved"]  # type: ignore[no-any-return]

    @computed("id")
    async def remaining(self, info: Info) -> Decimal:
        """What is left in the present period: the limit without what is used and reserved, and at least 0."""
        return (await _state(info, self))["remaining"]  # type: ignore[no-any-return]

    @computed("id")
    async def resets_at(self, info: Info) -> datetime.datetime | None:
        """When the next period begins; null if the period is `TOTAL`."""
        return (await _state(info, self))["resets_at"]  # type: ignore[no-any-return]


async def _state(info: Info, quota: UsageQuota) -> Mapping[str, Any]:
    (state,) = await info.context.rows_of(quota, sql.usage.quota.states)
    return state


class UsageQuotaInput:
    """The fields of a quota that a user may set."""

    unit: QuotaUnit
    """What it counts. `BYTES` counts nothing yet."""
    period: QuotaPeriod
    """The time for which the limit is allowed."""
    limit: Decimal
    """The most that may be used in a period, in `unit`: greater than 0 and, except for `USD`, a whole number."""
    mode: QuotaMode | None = None
    """What happens when it is used up. Defaults to `HARD`."""
    provider: str | None = None
    """The model provider whose calls it counts, up to 50 characters. Null for all. Provider names are compared without
    regard to case and surrounding space, here and wherever usage names one, and are stored in lower case."""
    model: str | None = None
    """The model whose calls it counts, up to 100 characters, as it is recorded, in any case. Null for all."""
    automation: str | None = None
    """The automation whose calls it counts, up to 100 characters. Null for all calls."""
    counts_own_key: bool | None = None
    """Whether it also counts calls with the user's own API keys. Defaults to false."""


standard(UsageQuota, input=UsageQuotaInput, scope="person")


@object_type
class UsageCheck:
    """Whether a model call fits the user's quotas."""

    allowed: bool
    """Whether `reserveUsage` would hold it at present."""
    estimated_cost_usd: Decimal | None
    """The estimated cost in US dollars; null if the price of the model is not known."""
    quota: UsageQuota | None
    """The hard quota that refuses the call; null if it is allowed. If several refuse it, the one that leaves the
    smallest part of what the call needs."""
    reason: str | None
    """Why `quota` refuses the call, in words for the user: what is left of it, what the call needs, and when it resets.
    Null if it is allowed."""
    quotas: list[UsageQuota]
    """The quotas that count the call, the one that leaves least for it first."""


@query
async def check_usage(
    info: Info,
    provider: Annotated[str, strawberry.argument(description="The model provider, such as `openai`.")],
    model: Annotated[str, strawberry.argument(description="The model, such as `gpt-4o-mini`.")],
    estimated_input_tokens: Annotated[
        int, strawberry.argument(description="The tokens that will be sent to the model.")
    ] = 0,
    estimated_output_tokens: Annotated[
        int, strawberry.argument(description="The most tokens that the model will generate.")
    ] = 0,
    estimated_cost_usd: Annotated[
        Decimal | None, strawberry.argument(description="The cost in US dollars. Defaults to the price of the tokens.")
    ] = None,
    automation: Annotated[
        str | None, strawberry.argument(description="The automation that makes the call; null if a person does.")
    ] = None,
    used_own_api_key: Annotated[
        bool, strawberry.argument(description="Whether the call uses the user's own API key.")
    ] = False,
) -> UsageCheck:
    """Whether a model call would fit the user's quotas. It holds nothing: to be sure, call `reserveUsage`."""
    estimate = {
        "provider": provider,
        "model": model,
        "automation": automation,
        "estimated_input_tokens": estimated_input_tokens,
        "estimated_output_tokens": estimated_output_tokens,
        "estimated_cost_usd": estimated_cost_usd,
    }
    try:
        await info.context.refuse_invalid(UsageReservation, estimate)
    except Invalid as mistake:
        argument = to_camel_case(mistake.field[0])
        raise BadRequest(f"{argument}: {mistake.message}", argument=argument) from None
    rows = await info.context.rows(
        sql.usage.quota.check,
        provider=provider,
        model=model,
        automation=automation,
        used_own_api_key=used_own_api_key,
        input_tokens=estimated_input_tokens,
        output_tokens=estimated_output_tokens,
        cost_usd=estimated_cost_usd,
    )
    ids = [row["quota_id"] for row in rows if row["quota_id"] is not None]
    refusing = [row["quota_id"] for row in rows if row["is_refused"]]
    found = await asyncio.gather(*(info.context.find(info, UsageQuota, id, "quotas") for id in ids))
    return UsageCheck(
        allowed=not refusing,
        estimated_cost_usd=rows[0]["cost_usd"],
        quota=await info.context.find(info, UsageQuota, refusing[0], "quota") if refusing else None,
        reason=rows[0]["reason"],
        quotas=[quota for quota in found if quota is not None],
    )
