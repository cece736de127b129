"""What an operation and a caller may take, counted."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.data.budget import FREE_BYTES, STEP_BYTES, Budget, Shares
from gateway.data.transport import Meter
from gateway.errors import Overloaded, ParleyError, TooLarge

LIMIT = 4 * STEP_BYTES


@dataclass(frozen=True)
class Noted:
    """Notes what an operation was ended with."""

    reasons: list[Exception]

    def end(self, reason: Exception) -> None:
        self.reasons.append(reason)


class Driver:
    """Takes what a meter passes on."""

    def __init__(self) -> None:
        self.received = 0

    def data_received(self, data: bytes) -> None:
        self.received += len(data)

    connection_lost = eof_received = pause_writing = resume_writing = None


@pytest.fixture
def meter() -> Meter:
    made = Meter()
    made.pass_to(Driver())
    return made


def watching(meter: Meter, shares: Shares, ended: list[Exception]) -> Budget:
    budget = Budget(LIMIT, shares, Noted(ended))
    budget.watch(meter, "caller")
    return budget


def fill(budget: Budget) -> None:
    """Count objects up to the limit."""
    for _ in range(LIMIT // 100):
        budget.add_objects(1, 100)


def test_small_operation_takes_nothing_of_the_share(meter: Meter) -> None:
    shares = Shares(LIMIT)
    budget = watching(meter, shares, [])
    meter.data_received(bytes(FREE_BYTES))
    budget.add_objects(FREE_BYTES // 100, 100)
    assert shares.taken == {}
    assert budget.close() is None


def test_large_operation_takes_steps_and_gives_them_back(meter: Meter) -> None:
    shares, ended = Shares(LIMIT), list[Exception]()
    budget = watching(meter, shares, ended)
    for _ in range(LIMIT // FREE_BYTES):
        meter.data_received(bytes(FREE_BYTES))
        assert shares.taken.get("caller", 0) <= LIMIT
    assert ended == []
    held = budget.close()
    assert shares.taken["caller"] == LIMIT
    del held
    assert shares.taken == {}


@pytest.mark.parametrize("size", [1000, FREE_BYTES, STEP_BYTES])
def test_operation_is_ended_within_a_statement(meter: Meter, size: int) -> None:
    ended: list[Exception] = []
    watching(meter, Shares(LIMIT), ended)
    while not ended:
        meter.data_received(bytes(size))
    assert isinstance(ended[0], TooLarge)
    assert LIMIT < meter.received <= LIMIT + size


def test_what_comes_in_and_what_goes_out_count_together(meter: Meter) -> None:
    budget = watching(meter, Shares(LIMIT), [])
    meter.data_received(bytes(LIMIT // 2))
    with pytest.raises(TooLarge):
        fill(budget)
    assert budget.used <= LIMIT + STEP_BYTES


def test_operations_of_one_caller_share(meter: Meter) -> None:
    shares, ended = Shares(LIMIT), list[Exception]()
    first = watching(meter, shares, ended)
    meter.data_received(bytes(3 * STEP_BYTES))
    other = Budget(LIMIT, shares, Noted(ended))
    other.caller = "caller"
    with pytest.raises(Overloaded):
        fill(other)
    stranger = Budget(LIMIT, shares, Noted(ended))
    stranger.caller = "stranger"
    stranger.add_objects(2 * STEP_BYTES, 1)
    first.abandon()
    other.abandon()
    again = Budget(LIMIT, shares, Noted(ended))
    again.caller = "caller"
    again.add_objects(2 * STEP_BYTES, 1)


def test_failure_stays(meter: Meter) -> None:
    budget = watching(meter, Shares(LIMIT), [])
    for _ in range(2):
        with pytest.raises(ParleyError) as failure:
            budget.add_objects(LIMIT + 1, 1)
        assert failure.value is budget.failure


def test_connection_that_is_given_back_is_counted_no_more(meter: Meter) -> None:
    ended: list[Exception] = []
    budget = watching(meter, Shares(LIMIT), ended)
    meter.data_received(bytes(1000))
    budget.unwatch()
    meter.data_received(bytes(2 * LIMIT))
    assert (budget.received, ended) == (1000, [])


@pytest.mark.parametrize(
    ("received", "objects", "copies", "shared", "expected"),
    [
        (100, 0, 1, 0, False),
        (LIMIT // 7, 100, 1, 0, False),
        (LIMIT // 5, 100, 1, 0, True),
        (LIMIT // 20, 100, 4, 0, True),
        (LIMIT // 20, 100, 1, 3, True),
        (100, LIMIT // 5, 1, 0, True),
    ],
)
def test_response_that_may_be_too_large_is_told(
    meter: Meter, received: int, objects: int, copies: int, shared: int, expected: bool
) -> None:
    budget = watching(meter, Shares(LIMIT), [])
    meter.data_received(bytes(received))
    budget.add_objects(1, objects)
    budget.add_shared(shared, 0)
    assert budget.may_exceed(copies, 100) is expected


def test_error_names_the_field() -> None:
    budget = Budget(LIMIT, Shares(LIMIT), Noted([]))
    budget.at = ("viewer", "conversations")
    assert "4 MiB" in budget.too_large().message
    assert "`viewer.conversations`" in budget.too_large().message
    assert budget.too_large().extensions == {"code": "TOO_LARGE", "path": ["viewer", "conversations"]}
