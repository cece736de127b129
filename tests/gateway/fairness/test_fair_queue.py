"""A queue with a line for each owner."""

from __future__ import annotations

import asyncio

from gateway.fairness.fair_queue import FairQueue


def waiting(queue: FairQueue[None], *owners: str) -> dict[str, asyncio.Future[None]]:
    """One waiter for each of these owners, in this order, by owner and number."""
    made = {}
    for number, owner in enumerate(owners):
        made[f"{owner}{number}"] = waiter = asyncio.get_running_loop().create_future()
        queue.add(owner, waiter)
    return made


def served(queue: FairQueue[None], waiters: dict[str, asyncio.Future[None]]) -> list[str]:
    """Who is served, in order, until nobody waits."""
    names = {id(waiter): name for name, waiter in waiters.items()}
    found = []
    while (following := queue.next()) is not None:
        owner, waiter = following
        found.append(names[id(waiter)])
        assert found[-1].startswith(owner)
    return found


async def test_owners_are_served_in_turn_and_each_in_the_order_of_coming() -> None:
    queue: FairQueue[None] = FairQueue()
    waiters = waiting(queue, "a", "a", "a", "b", "c", "b")
    assert len(queue) == 6
    assert served(queue, waiters) == ["a0", "b3", "c4", "a1", "b5", "a2"]
    assert not len(queue)


async def test_one_who_comes_back_stands_behind_the_others() -> None:
    queue: FairQueue[None] = FairQueue()
    waiters = waiting(queue, "a", "b")
    assert queue.next() == ("a", waiters["a0"])
    again = waiting(queue, "a")
    assert queue.next() == ("b", waiters["b1"])
    assert queue.next() == ("a", again["a0"])


async def test_who_has_gone_is_passed_over_and_forgotten() -> None:
    queue: FairQueue[None] = FairQueue()
    waiters = waiting(queue, "a", "b", "b")
    waiters["a0"].cancel()
    waiters["b1"].cancel()
    assert len(queue) == 1
    assert served(queue, waiters) == ["b2"]
    assert not queue.lines


async def test_counts_and_the_last_leave_out_who_has_gone() -> None:
    queue: FairQueue[None] = FairQueue()
    waiters = waiting(queue, "a", "b", "b", "b")
    waiters["b1"].cancel()
    waiters["b3"].cancel()
    assert queue.counts() == {"a": 1, "b": 1}
    assert queue.last("b") is waiters["b2"]


async def test_who_may_not_be_served_keeps_the_place() -> None:
    queue: FairQueue[None] = FairQueue()
    waiters = waiting(queue, "a", "b", "b")
    assert queue.next(lambda owner: owner != "a") == ("b", waiters["b1"])
    assert queue.next(lambda owner: False) is None
    assert served(queue, waiters) == ["a0", "b2"]
