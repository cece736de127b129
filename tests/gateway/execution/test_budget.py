"""What an operation and a caller may take, counted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gateway.data.driver.meter import Meter
from gateway.errors import Overloaded, ParleyError, TooLarge
from gateway.execution.budget import FREE_BYTES, STEP_BYTES, Budget, Budgets

LIMIT = 4 * STEP_BYTES


class Noted(Budget):
    """Notes what its operation was ended with, and ends nothing."""

    def __init__(self, of: Budgets, caller: str) -> None:
        context = SimpleNamespace(identity=SimpleNamespace(user_id=caller))
        super().__init__(of, 0, SimpleNamespace(cancelling=lambda: 0), context)
        self.ended: list[Exception] = []

    def end(self, reason: Exception) -> None:
        self.ended.append(reason)


class Driver:
    """Takes what a meter passes on."""

    def __init__(self) -> None:
        self.received = 0

    def data_received(self, data: bytes) -> None:
        self.received += len(data)

    connection_lost = eof_received = pause_writing = resume_writing = None


@pytest.fixture
def meter() -> Meter:
    return passing()


@pytest.fixture
def budgets() -> Budgets:
    """Without a deadline. One operation may take all of its caller's share."""
    made = Budgets(None, LIMIT)
    made.shares.most = LIMIT
    return made


@pytest.fixture
def budget(budgets: Budgets, meter: Meter) -> Noted:
    """One that watches the meter."""
    return watching(budgets, meter)


def watching(budgets: Budgets, meter: Meter, caller: str = "caller") -> Noted:
    made = Noted(budgets, caller)
    budgets.running[made] = None
    meter.allowance = made
    return made


def passing() -> Meter:
    made = Meter()
    made.pass_to(Driver())
    return made


def fill(budget: Budget) -> None:
    """Count objects up to the limit."""
    for _ in range(LIMIT // 100):
        budget.add_objects(1, 100)


def test_small_operation_takes_nothing_of_the_share(budget: Noted, budgets: Budgets, meter: Meter) -> None:
    meter.data_received(bytes(FREE_BYTES))
    budget.add_objects(FREE_BYTES // 100, 100)
    assert budget.is_small
    assert budgets.shares.taken == {}
    assert budget.close() is None


def test_large_operation_takes_steps_and_gives_them_back(budget: Noted, budgets: Budgets, meter: Meter) -> None:
    taken = budgets.shares.taken
    for _ in range(LIMIT // FREE_BYTES):
        meter.data_received(bytes(FREE_BYTES))
        assert taken.get("caller", 0) <= LIMIT
    assert not budget.ended
    assert not budget.is_small
    held = budget.close()
    assert taken["caller"] == LIMIT
    del held
    assert taken == {}


@pytest.mark.parametrize("size", [1000, FREE_BYTES, STEP_BYTES])
def test_operation_is_ended_within_a_statement(budget: Noted, meter: Meter, size: int) -> None:
    while not budget.ended:
        meter.data_received(bytes(size))
    assert isinstance(budget.ended[0], TooLarge)
    assert LIMIT < budget.received <= LIMIT + size


def test_what_comes_in_and_what_goes_out_count_together(budget: Noted, meter: Meter) -> None:
    meter.data_received(bytes(LIMIT // 2))
    with pytest.raises(TooLarge):
        fill(budget)
    assert budget.used <= LIMIT + STEP_BYTES


def test_rows_that_come_with_those_of_others_count(budget: Noted) -> None:
    for _ in range(4):
        budget.add_received(STEP_BYTES)
    with pytest.raises(TooLarge):
        budget.add_received(1)


def test_operations_of_one_caller_share(budget: Noted, budgets: Budgets, meter: Meter) -> None:
    meter.data_received(bytes(3 * STEP_BYTES))
    other, stranger = watching(budgets, passing()), watching(budgets, passing(), "stranger")
    with pytest.raises(Overloaded):
        fill(other)
    stranger.add_objects(2 * STEP_BYTES, 1)
    for failing in (budget, other):
        with pytest.raises(KeyError), failing:
            raise KeyError
    watching(budgets, passing()).add_objects(2 * STEP_BYTES, 1)


def test_failure_stays(budget: Noted) -> None:
    for _ in range(2):
        with pytest.raises(ParleyError) as failure:
            budget.add_objects(LIMIT + 1, 1)
        assert failure.value is budget.failure


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
    budget: Noted, meter: Meter, received: int, objects: int, copies: int, shared: int, expected: bool
) -> None:
    meter.data_received(bytes(received))
    budget.add_objects(1, objects)
    budget.add_shared(shared, 0)
    assert budget.may_exceed(copies, 100) is expected


def test_limit_below_what_is_free_holds() -> None:
    budgets = Budgets(None, FREE_BYTES // 4)
    came_in, made = passing(), watching(budgets, passing())
    ended = watching(budgets, came_in)
    came_in.data_received(bytes(FREE_BYTES // 4 + 1))
    assert isinstance(ended.ended[0], TooLarge)
    with pytest.raises(TooLarge):
        made.add_objects(FREE_BYTES // 4 + 1, 1)


def test_what_comes_in_after_the_end_takes_nothing(budget: Noted, budgets: Budgets, meter: Meter) -> None:
    with budget:
        meter.data_received(bytes(1000))
    meter.data_received(bytes(2 * LIMIT))
    assert budgets.shares.taken == {}
    assert not budget.ended


def test_error_names_the_field(budget: Noted) -> None:
    budget.at = ("viewer", "conversations")
    assert "4 MiB" in budget.too_large().message
    assert "`viewer.conversations`" in budget.too_large().message
    assert budget.too_large().extensions == {"code": "TOO_LARGE", "path": ["viewer", "conversations"]}
