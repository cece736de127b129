"""Prices of a model over time, and what an import changes of them."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

FIRST = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
"""When the first price that is known of a model begins."""

MOST_PRICES = 100
"""How many prices of a model are kept, the latest ones."""

_PLACES = Decimal("0.00000001")
"""The source computes some prices with floats, so that later digits are noise."""


@dataclass(frozen=True, slots=True)
class Tier:
    """The prices of calls with more input tokens than `above`."""

    above: int
    input: Decimal
    output: Decimal
    cache_read: Decimal | None
    cache_write: Decimal | None


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs from `valid_from` on, per million tokens in US dollars."""

    valid_from: datetime.datetime
    input: Decimal
    output: Decimal
    cache_read: Decimal | None
    cache_write: Decimal | None
    tiers: tuple[Tier, ...] = ()

    @property
    def total(self) -> Decimal:
        """A measure to compare prices by."""
        return 3 * self.input + self.output


@dataclass(frozen=True, slots=True)
class PriceChanges:
    """What to add to the prices of a model and what to remove, by the time at which they begin."""

    added: tuple[Price, ...]
    removed: tuple[datetime.datetime, ...]
    present: Price
    """The price that is valid now."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


def rounded(price: Decimal) -> Decimal:
    """A price without the noise of floats."""
    return price.quantize(_PLACES, decimal.ROUND_HALF_UP)


def price_changes(stored: Sequence[Price], wanted: Sequence[Price], now: datetime.datetime) -> PriceChanges:
    """The changes after which the prices that are stored are those that are wanted, from now on.

    Both are sorted by time, and `wanted` begins with `FIRST`. What has been valid stays, since usage was charged by it:
    a past price that the source has changed counts from now on. A change that the source dates into the time since the
    last stored price is added at its date. Announced prices are replaced.
    """
    kept = [price for price in stored if price.valid_from <= now]
    begun = [price for price in wanted if price.valid_from <= now]
    for price in begun:
        if not kept or (price.valid_from > kept[-1].valid_from and not _same(price, kept[-1])):
            kept.append(price)
    if not _same(begun[-1], kept[-1]):
        kept.append(replace(begun[-1], valid_from=now))
    present = kept[-1]
    kept = [*kept, *(price for price in wanted if price.valid_from > now)][-MOST_PRICES:]
    return PriceChanges(
        added=tuple(price for price in kept if price not in stored),
        removed=tuple(price.valid_from for price in stored if price not in kept),
        present=present,
    )


def _same(one: Price, other: Price) -> bool:
    return replace(one, valid_from=other.valid_from) == other
