"""An import changes what a model costs from now on, and never what it has cost."""

from __future__ import annotations

import datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.llm_models.price import FIRST, MOST_PRICES, Price, price_changes


def day(number: int) -> datetime.datetime:
    return FIRST if number == 0 else datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(number)


def price(cost: int, at: int = 0) -> Price:
    return Price(day(at), Decimal(cost), Decimal(0), None, None)


def after(stored: list[Price], wanted: list[Price], now: int) -> list[Price]:
    """What is stored after an import."""
    changes = price_changes(stored, wanted, day(now))
    kept = [each for each in stored if each.valid_from not in changes.removed]
    result = sorted([*kept, *changes.added], key=lambda each: each.valid_from)
    assert changes.present == [each for each in result if each.valid_from <= day(now)][-1]
    return result


def test_a_new_model_has_the_whole_history() -> None:
    wanted = [price(1), price(2, 5), price(3, 20)]
    assert after([], wanted, now=10) == wanted


def test_the_same_prices_change_nothing() -> None:
    stored = [price(1), price(2, 5), price(3, 20)]
    assert not price_changes(stored, stored, day(10))
    assert not price_changes(stored, stored, day(30))


def test_another_price_counts_from_now_on() -> None:
    assert after([price(1)], [price(2)], now=10) == [price(1), price(2, 10)]
    assert after([price(1), price(2, 10)], [price(2)], now=11) == [price(1), price(2, 10)]


def test_a_change_since_the_last_import_counts_from_its_date() -> None:
    assert after([price(1)], [price(1), price(2, 5)], now=10) == [price(1), price(2, 5)]


def test_a_change_dated_before_the_last_one_counts_from_now_on() -> None:
    assert after([price(1), price(2, 5)], [price(1), price(3, 4)], now=10) == [price(1), price(2, 5), price(3, 10)]


def test_an_announced_price_is_replaced_by_another() -> None:
    stored = [price(1), price(2, 20)]
    assert after(stored, [price(1), price(3, 20), price(4, 30)], now=10) == [price(1), price(3, 20), price(4, 30)]
    assert after(stored, [price(1)], now=10) == [price(1)]


def test_an_announced_price_that_has_begun_becomes_the_present_one() -> None:
    stored = [price(1), price(2, 20)]
    assert price_changes(stored, stored, day(21)).present == price(2, 20)


def test_at_most_a_hundred_prices_are_kept() -> None:
    stored = [price(n, n) for n in range(MOST_PRICES)]
    kept = after(stored, [price(7000)], now=500)
    assert kept == [*stored[1:], price(7000, 500)]


histories = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), max_size=6).map(
    lambda found: [price(9), *(price(cost, at) for at, cost in sorted(dict(found).items()) if at)]
)


@given(histories, histories, st.integers(1, 40))
def test_after_an_import_prices_are_those_of_the_source_and_the_past_is_kept(
    stored: list[Price], wanted: list[Price], now: int
) -> None:
    def cost(prices: list[Price], at: datetime.datetime) -> Decimal:
        return [each for each in prices if each.valid_from <= at][-1].input

    result = after(stored, wanted, now)
    for number in range(now, 45):
        assert cost(result, day(number)) == cost(wanted, day(number))
    assert all(each in result for each in stored if each.valid_from <= day(now))
    assert after(result, wanted, now) == result
