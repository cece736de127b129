"""Subscriptions to plans, as a payment provider's webhook reports them. Triggers give the user the plan in force."""

from __future__ import annotations

import datetime

from gateway import Node, entity, standard
from resolvers.accounts.user import PlanStatus, PlanType


@entity("plan_subscriptions", order="-created_at")
class PlanSubscription(Node):
    """A subscription to a plan at a payment provider. The user has the highest plan of those that have not ended."""

    provider: str
    """The payment provider: `polar`."""
    external_id: str
    """The provider's id of the subscription."""
    plan_type: PlanType
    """The plan."""
    status: PlanStatus
    """The status of the subscription."""
    current_period_start: datetime.datetime
    """When the period that is paid for began."""
    current_period_end: datetime.datetime
    """When that period ends."""
    cancel_at: datetime.datetime | None
    """When the subscription ends, or has ended; null if it goes on."""


standard(PlanSubscription, without=("create", "update"))
