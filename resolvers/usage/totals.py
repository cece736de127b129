"""Totals of usage, as a conversation and a user show them.

The only module that other domains may import: both show totals of the same type, and a type of the API has one home.
"""

from __future__ import annotations

from decimal import Decimal

from gateway import BigInt, object_type


@object_type
class UsageTotals:
    """The totals of a set of model calls."""

    requests: int
    """The number of model calls."""
    input_tokens: BigInt
    """The number of tokens sent to models."""
    output_tokens: BigInt
    """The number of tokens that models generated."""
    total_tokens: BigInt
    """The sum of input and output tokens."""
    cost_usd: Decimal
    """The total cost in US dollars."""
