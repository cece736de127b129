"""Usage by calendar day of UTC, equal to the log at every commit."""

from __future__ import annotations

import datetime
from decimal import Decimal

from gateway import BigInt, Node, entity, input_type


@input_type
class UsageDayFilter:
    """Conditions on a list of days. All that are given must hold."""

    day_from: datetime.date | None = None
    """This day or a later one."""
    day_before: datetime.date | None = None
    """Earlier than this day, which is left out."""


@entity("usage_days", order="-day", filter=UsageDayFilter, unique=("day",))
class UsageDay(Node):
    """What the model calls of one day came to."""

    day: datetime.date
    """The calendar day, of UTC."""
    requests: int
    """How many calls."""
    conversations: int
    """In how many conversations."""
    input_tokens: BigInt
    """Tokens sent to models."""
    output_tokens: BigInt
    """Tokens that models gave."""
    total_tokens: BigInt
    """Both together."""
    cost_usd: Decimal
    """Their price in US dollars."""
