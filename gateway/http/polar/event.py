"""What an event of Polar says about a subscription.

Polar must know a customer by the user's id: as the customer's external id, which a checkout sets. An event has the
whole state of its subscription, so only the last one counts, by `timestamp`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

PROVIDER = "polar"

STATUSES = {
    "active": "active",
    "trialing": "trialing",
    "past_due": "past_due",
    "unpaid": "past_due",
    "canceled": "cancelled",
}
"""The status of a plan by that of a subscription. The others, such as `incomplete`, are of subscriptions to come."""

LONGEST_ID = 255

_NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)
"""In the database, this time stands for minus infinity. The last one stands for infinity."""
_SHORTEST = datetime.timedelta(seconds=1)
_LATEST = datetime.datetime.max.replace(tzinfo=datetime.UTC) - _SHORTEST
"""A period that begins then can still have an end."""


class Ignored(Exception):
    """The event says nothing about a subscription of a user. The argument is the reason, for the log."""


class Malformed(Exception):
    """The event is not of the form that Polar documents. The argument is the field."""


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """A subscription, as an event describes it."""

    account: UUID
    """The id of the user."""
    external_id: str
    plan: str
    status: str
    period_start: datetime.datetime
    period_end: datetime.datetime
    cancel_at: datetime.datetime | None
    stated_at: datetime.datetime
    """When it was so, by Polar's clock."""


def read_event(event: Any, plans: Mapping[str, str]) -> SubscriptionState:
    """What an event says. `plans` are the plans by the ids of their products at Polar.

    Raises `Ignored` or `Malformed`.
    """
    if not str(_in(event, "type")).startswith("subscription."):
        raise Ignored("it is about something else")
    data = _in(event, "data")
    status = STATUSES.get(str(_in(data, "status")))
    if status is None:
        raise Ignored("the subscription has not begun")
    plan = plans.get(str(_in(data, "product_id")))
    if plan is None:
        raise Ignored("PARLEY_POLAR_PRODUCTS does not name its product")
    start = _time(data, "current_period_start")
    return SubscriptionState(
        account=_user_id(_in(data, "customer")),
        external_id=_id(data),
        plan=plan,
        status=status,
        period_start=start,
        period_end=_end(data, start),
        cancel_at=_time(data, "ends_at") if data.get("ends_at") is not None else None,
        stated_at=_time(event, "timestamp"),
    )


def _in(value: Any, name: str) -> Any:
    if not isinstance(value, dict) or name not in value:
        raise Malformed(name)
    return value[name]


def _id(data: Any) -> str:
    id = _in(data, "id")
    if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID or not id.isprintable():
        raise Malformed("id")
    return id


def _user_id(customer: Any) -> UUID:
    external_id = _in(customer, "external_id")
    try:
        return UUID(cast("str", external_id))
    except (ValueError, TypeError, AttributeError):
        raise Ignored("its customer has no user's id as external_id") from None


def _end(data: Any, start: datetime.datetime) -> datetime.datetime:
    """The end of the period. Polar may state none for a subscription that has ended: then, when it ended."""
    for name in ("current_period_end", "ended_at", "ends_at"):
        if data.get(name) is not None and (end := _time(data, name)) > start:
            return end
    return start + _SHORTEST


def _time(value: Any, name: str) -> datetime.datetime:
    text = _in(value, name)
    try:
        time = datetime.datetime.fromisoformat(text)
        # Times without a zone are in UTC.
        time = time.replace(tzinfo=datetime.UTC) if time.tzinfo is None else time.astimezone(datetime.UTC)
    except (ValueError, TypeError, OverflowError):
        raise Malformed(name) from None
    if not _NEVER < time < _LATEST:
        raise Malformed(name)
    return time
