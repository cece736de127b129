"""What callers have in use: who has nothing is forgotten, and nobody else."""

from __future__ import annotations

from gateway.fairness.caller_counts import CallerCounts


def test_callers_with_nothing_are_forgotten_once_there_are_many() -> None:
    counts = CallerCounts(most=10)
    for caller in range(1000):
        assert counts[caller].count == 0
        assert len(counts) <= 10


def test_callers_who_have_something_are_remembered() -> None:
    counts = CallerCounts(most=10)
    for caller in range(30):
        counts[caller].count += 1
    for caller in range(100, 1000):
        counts[caller]
    assert [counts[caller].count for caller in range(30)] == [1] * 30
    for caller in range(30):
        counts[caller].count -= 1
    for caller in range(1000, 1100):
        counts[caller]
    assert len(counts) <= 10


def test_a_count_is_one_and_the_same() -> None:
    counts = CallerCounts()
    assert counts["caller"] is counts["caller"] is not counts["other"]
