"""What callers have in use: who has nothing is forgotten, and nobody else."""

from __future__ import annotations

from gateway.tally import Tallies


def test_callers_with_nothing_are_forgotten_once_there_are_many() -> None:
    tallies = Tallies(most=10)
    for caller in range(1000):
        assert tallies[caller].count == 0
        assert len(tallies) <= 10


def test_callers_who_have_something_are_remembered() -> None:
    tallies = Tallies(most=10)
    for caller in range(30):
        tallies[caller].count += 1
    for caller in range(100, 1000):
        tallies[caller]
    assert [tallies[caller].count for caller in range(30)] == [1] * 30
    for caller in range(30):
        tallies[caller].count -= 1
    for caller in range(1000, 1100):
        tallies[caller]
    assert len(tallies) <= 10


def test_a_tally_is_one_and_the_same() -> None:
    tallies = Tallies()
    assert tallies["caller"] is tallies["caller"] is not tallies["other"]
