"""Sums of usage, as a conversation and a user show them."""

from __future__ import annotations

from decimal import Decimal

from gateway import BigInt, object_type


@object_type
class UsageTotals:
    """What a number of model calls came to."""

    requests: int
    """How many calls."""
    input_tokens: BigInt
    """Tokens sent to models."""
    output_tokens: BigInt
    """Tokens that models gave."""
    total_tokens: BigInt
    """Both together."""
    cost_usd: Decimal
    """Their price in US dollars."""
