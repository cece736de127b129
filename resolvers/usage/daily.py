"""Usage per calendar day in UTC, consistent with the log at every commit."""

from __future__ import annotations

import datetime
from decimal import Decimal

from gateway import BigInt, Node, entity, input_type


@input_type
class UsageDayFilter:
    """Conditions for a list of days. Each item meets all that are set."""

    day_from: datetime.date | None = None
    """The first day to include."""
    day_before: datetime.date | None = None
    """The first day to exclude."""


@entity("usage_days", order="-day", filter=UsageDayFilter, unique=("day",))
class UsageDay(Node):
    """The totals of the model calls of one day."""

    day: datetime.date
    """The calendar day, in UTC."""
    requests: int
    """The number of model calls."""
    conversations: int
    """The number of conversations with model calls on this day."""
    input_tokens: BigInt
    """The number of tokens sent to models."""
    output_tokens: BigInt
    """The number of tokens that models generated."""
    cached_input_tokens: BigInt
    """How many of the input tokens were read from providers' caches."""
    cache_write_input_tokens: BigInt
    """How many of the input tokens were written to providers' caches."""
    reasoning_tokens: BigInt
    """How many of the output tokens were reasoning."""
    total_tokens: BigInt
    """The sum of input and output tokens."""
    cost_usd: Decimal
    """The total cost in US dollars."""
