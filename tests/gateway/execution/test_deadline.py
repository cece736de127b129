"""Deadlines: whoever takes too long is ended, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from gateway.execution.deadline import Deadlines


async def wait_under(deadlines: Deadlines, event: asyncio.Event) -> None:
    with deadlines.begin():
        await event.wait()


async def test_each_that_takes_too_long_is_ended() -> None:
    deadlines = Deadlines(0.01)
    outcomes = await asyncio.gather(*(wait_under(deadlines, asyncio.Event()) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [TimeoutError] * 3
    # And those that begin once the timer has been used.
    with pytest.raises(TimeoutError):
        await wait_under(deadlines, asyncio.Event())


async def test_who_ends_in_time_is_left_alone() -> None:
    deadlines = Deadlines(0.01)
    event = asyncio.Event()
    event.set()
    await wait_under(deadlines, event)
    with pytest.raises(TimeoutError):
        await wait_under(deadlines, asyncio.Event())
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_an_error_of_its_own_passes() -> None:
    with pytest.raises(KeyError), Deadlines(60).begin():
        raise KeyError


async def test_a_task_that_somebody_else_cancels_stays_cancelled() -> None:
    deadlines = Deadlines(60)
    task = asyncio.create_task(wait_under(deadlines, asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not deadlines._running


async def test_without_a_number_nothing_ends() -> None:
    event = asyncio.Event()
    task = asyncio.create_task(wait_under(Deadlines(None), event))
    await asyncio.sleep(0)
    event.set()
    await task
