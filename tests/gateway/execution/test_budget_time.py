"""Budgets: whoever takes too long is ended, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from gateway.execution.budget import Budgets


async def wait_under(budgets: Budgets, event: asyncio.Event) -> None:
    with budgets.begin():
        await event.wait()


async def test_each_that_takes_too_long_is_ended() -> None:
    budgets = Budgets(0.01, 1)
    outcomes = await asyncio.gather(*(wait_under(budgets, asyncio.Event()) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [TimeoutError] * 3
    # And those that begin once the timer has been used.
    with pytest.raises(TimeoutError):
        await wait_under(budgets, asyncio.Event())


async def test_who_ends_in_time_is_left_alone() -> None:
    budgets = Budgets(0.01, 1)
    event = asyncio.Event()
    event.set()
    await wait_under(budgets, event)
    with pytest.raises(TimeoutError):
        await wait_under(budgets, asyncio.Event())
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_an_error_of_its_own_passes() -> None:
    with pytest.raises(KeyError), Budgets(60, 1).begin():
        raise KeyError


async def test_a_task_that_somebody_else_cancels_stays_cancelled() -> None:
    budgets = Budgets(60, 1)
    task = asyncio.create_task(wait_under(budgets, asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not budgets.running


async def test_without_a_number_nothing_ends() -> None:
    event = asyncio.Event()
    task = asyncio.create_task(wait_under(Budgets(None, 1), event))
    await asyncio.sleep(0)
    event.set()
    await task
