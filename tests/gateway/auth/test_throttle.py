"""The sign-in throttle: free at first, then slower and slower, never closed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth.throttle import ACCOUNT, ADDRESS, Allowance, Throttle
from gateway.errors import Overloaded


@dataclass
class Clock:
    now: float = 0

    def __call__(self) -> float:
        return self.now


def throttle(allowance: Allowance = ACCOUNT, *, capacity: int = 100) -> tuple[Throttle, Clock]:
    clock = Clock()
    return Throttle(allowance, capacity=capacity, clock=clock), clock


def fail(ours: Throttle, times: int, key: str = "ada") -> None:
    for _ in range(times):
        ours.check(key)
        ours.failed(key)


def wait(ours: Throttle, key: str = "ada") -> int:
    """The seconds that the key is told to wait."""
    with pytest.raises(Overloaded) as refusal:
        ours.check(key)
    seconds = refusal.value.extensions["retryAfter"]
    assert type(seconds) is int
    return seconds


def test_the_first_failures_cost_nothing() -> None:
    ours, _ = throttle()
    fail(ours, 5)


def test_each_further_failure_doubles_the_wait_up_to_the_longest() -> None:
    ours, clock = throttle()
    fail(ours, 5)
    waits = []
    for _ in range(9):
        waits.append(wait(ours))
        clock.now += waits[-1]
        fail(ours, 1)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_what_is_told_is_what_is_left() -> None:
    ours, clock = throttle()
    fail(ours, 5)
    clock.now += 1
    fail(ours, 1)
    clock.now += 0.5
    assert wait(ours) == 2
    clock.now += 0.75
    assert wait(ours) == 1
    clock.now += 0.75
    ours.check("ada")


def test_being_refused_does_not_lengthen_the_wait() -> None:
    ours, clock = throttle()
    fail(ours, 5)
    for _ in range(100):
        assert wait(ours) == 1
    clock.now += 1
    ours.check("ada")


def test_parallel_guesses_are_counted_before_they_fail() -> None:
    ours, _ = throttle()
    for _ in range(5):
        ours.check("ada")
    assert wait(ours) == 1


def test_the_wait_runs_from_the_failure_and_not_from_the_start_of_the_attempt() -> None:
    ours, clock = throttle()
    for _ in range(5):
        ours.check("ada")
    clock.now += 10
    ours.failed("ada")
    assert wait(ours) == 1


@pytest.mark.parametrize(("processes", "free"), [(1, 5), (2, 2), (5, 1), (64, 1)])
def test_workers_share_the_free_attempts_and_keep_the_delays(processes: int, free: int) -> None:
    share = ACCOUNT.shared_by(processes)
    ours, _ = throttle(share)
    fail(ours, free)
    assert wait(ours) == 1
    assert share.longest_delay_seconds == ACCOUNT.longest_delay_seconds


def test_success_with_an_account_forgets_its_failures() -> None:
    ours, _ = throttle(ACCOUNT)
    fail(ours, 4)
    ours.check("ada")
    ours.succeeded("ada")
    fail(ours, 5)


def test_success_from_an_address_does_not_forget_its_failures() -> None:
    ours, _ = throttle(ADDRESS)
    fail(ours, 49)
    for _ in range(3):
        ours.check("ada")
        ours.succeeded("ada")
    fail(ours, 1)
    assert wait(ours) == 1


def test_an_attempt_without_an_answer_does_not_count() -> None:
    ours, _ = throttle()
    fail(ours, 4)
    for _ in range(10):
        ours.check("ada")
        ours.abandoned("ada")
    fail(ours, 1)
    assert wait(ours) == 1


def test_failures_are_forgotten_as_the_window_slides() -> None:
    ours, clock = throttle()
    fail(ours, 3)
    clock.now += 600
    fail(ours, 2)
    assert wait(ours) == 1
    clock.now += 300
    fail(ours, 3)
    assert wait(ours) == 1


def test_keys_do_not_slow_each_other_down() -> None:
    ours, _ = throttle()
    fail(ours, 5, "ada")
    fail(ours, 5, "grace")


def test_no_more_than_the_capacity_is_remembered_and_the_least_recent_goes_first() -> None:
    ours, _ = throttle(capacity=2)
    fail(ours, 5, "ada")
    fail(ours, 5, "grace")
    assert wait(ours, "ada") == 1
    ours.check("third")
    assert wait(ours, "ada") == 1
    ours.check("grace")


def test_reports_about_a_key_that_was_forgotten_are_harmless() -> None:
    ours, _ = throttle()
    ours.failed("ada")
    ours.succeeded("ada")
    ours.abandoned("ada")
    ours.check("ada")


@settings(deadline=None)
@given(st.lists(st.sampled_from(["check", "failed", "succeeded", "abandoned", "later"]), max_size=200))
def test_whatever_happens_the_wait_is_never_longer_than_the_longest(events: list[str]) -> None:
    ours, clock = throttle(Allowance(free_attempts=1, success_clears=True))
    for event in events:
        if event == "later":
            clock.now += 7
        elif event == "check":
            with suppress(Overloaded):
                ours.check("ada")
        else:
            getattr(ours, event)("ada")
    clock.now += 60
    ours.check("ada")
