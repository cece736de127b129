"""Threads shared by turns: between sign-ins and sign-ups, and between those who ask."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.auth.password_threads import PasswordThreads
from gateway.errors import Overloaded

WAITING = 6


class Work:
    """Jobs that note when they are done, held back until the test lets them go."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.done: list[str] = []

    def job(self, name: str) -> Callable[[], str]:
        def run() -> str:
            self.gate.wait(60)
            self.done.append(name)
            return name

        return run


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
async def threads(work: Work) -> AsyncIterator[PasswordThreads]:
    made = PasswordThreads(1, WAITING)
    yield made
    work.gate.set()
    made.close()


async def begun(threads: PasswordThreads, work: Work, *jobs: tuple[str, str]) -> list[asyncio.Task[str]]:
    tasks = [
        asyncio.create_task(threads.run(kind, requester, work.job(f"{kind} {requester}"))) for kind, requester in jobs
    ]
    await asyncio.sleep(0)
    return tasks


async def outcomes(tasks: list[asyncio.Task[str]]) -> list[str]:
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [type(each).__name__ if isinstance(each, BaseException) else each for each in results]


async def test_a_full_line_of_one_kind_leaves_the_next_turn_to_the_other(threads: PasswordThreads, work: Work) -> None:
    ups = await begun(threads, work, *[("up", "a")] * (WAITING + 1))
    ins = await begun(threads, work, *[("in", "b")] * 2)
    with pytest.raises(Overloaded):
        await threads.run("up", "a", work.job("one too many"))
    work.gate.set()
    await asyncio.gather(*ups, *ins)
    assert work.done[:5] == ["up a", "up a", "in b", "up a", "in b"]


async def test_requesters_of_a_kind_take_turns(threads: PasswordThreads, work: Work) -> None:
    tasks = await begun(threads, work, *[("in", "a")] * 4, ("in", "b"), ("in", "c"))
    work.gate.set()
    await asyncio.gather(*tasks)
    assert work.done == ["in a", "in a", "in b", "in c", "in a", "in a"]


async def test_in_a_full_line_who_has_most_makes_room_for_who_has_less(threads: PasswordThreads, work: Work) -> None:
    many = await begun(threads, work, *[("in", "a")] * (WAITING + 1))
    few = await begun(threads, work, *[("in", "b")] * 5)
    work.gate.set()
    assert Counter(await outcomes(many)) == {"in a": WAITING + 1 - 3, "Overloaded": 3}
    assert Counter(await outcomes(few)) == {"in b": 3, "Overloaded": 2}
    assert await threads.run("in", "a", work.job("next")) == "next"


async def test_who_gives_up_waiting_leaves_the_place_to_another(threads: PasswordThreads, work: Work) -> None:
    working, *waiting = await begun(threads, work, *[("in", "a")] * (WAITING + 1))
    waiting[0].cancel()
    await asyncio.wait([waiting[0]])
    (late,) = await begun(threads, work, ("in", "a"))
    work.gate.set()
    assert (await outcomes([working, *waiting, late])).count("in a") == WAITING + 1


async def test_the_end_cancels_who_waits(threads: PasswordThreads, work: Work) -> None:
    tasks = await begun(threads, work, ("in", "a"), ("in", "a"), ("up", "b"))
    work.gate.set()
    threads.close()
    assert (await outcomes(tasks))[1:] == ["CancelledError"] * 2
    with pytest.raises(RuntimeError, match="shutdown"):
        await threads.run("in", "a", work.job("late"))


async def test_what_the_work_raises_is_for_who_asked(threads: PasswordThreads, work: Work) -> None:
    def fail() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await threads.run("in", "a", fail)
    work.gate.set()
    assert await threads.run("in", "a", work.job("next")) == "next"
