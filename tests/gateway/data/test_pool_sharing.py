"""How users share the pool: in turn, and none more than leaves some for others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.data.pool import Pool, PoolCounts
from gateway.errors import Overloaded, Unavailable
from tests.gateway.data.pools import NOWHERE, Server, stamp, waiting


async def test_users_who_wait_are_served_in_turn_however_many_connections_each_wants(patient: Pool) -> None:
    connection = await patient.take()
    heavy, one, another = stamp(), stamp(), stamp()
    served: list[str] = []

    async def use(name: str, of: tuple[Any, ...]) -> None:
        taken = await patient.take(of)
        served.append(name)
        await patient.release(taken)

    tasks = [asyncio.create_task(use(f"heavy {n}", heavy)) for n in range(4)]
    tasks += [asyncio.create_task(use("one", one)), asyncio.create_task(use("another", another))]
    await asyncio.sleep(0)
    await patient.release(connection)
    await asyncio.gather(*tasks)
    assert served == ["heavy 0", "one", "another", "heavy 1", "heavy 2", "heavy 3"]


async def test_a_user_may_have_as_many_connections_as_are_left_for_others(server: Server) -> None:
    pool = Pool(server.connect, size=8, wait_seconds=30)
    heavy, second, third = stamp(), stamp(), stamp()
    held = [await pool.take(heavy) for _ in range(4)]
    more = asyncio.create_task(pool.take(heavy))
    others = [await pool.take(second) for _ in range(2)]
    assert pool.counts().waiting == 1, "half of them is the most that one user gets"
    others.append(await pool.take(third))
    late = asyncio.create_task(pool.take(second))
    await asyncio.sleep(0)
    assert pool.counts().waiting == 2, "with two users less is left for each"
    for_many = await pool.take()
    assert not more.done(), "what is done for many is nobody's share"
    await pool.release(for_many)
    for connection in others:
        await pool.release(connection)
    assert await late in others, "the heavy one still has too many"
    await pool.release(held.pop())
    assert await more
    await pool.release(await more)
    await pool.release(await late)
    for connection in held:
        await pool.release(connection)
    assert pool.counts().busy == 0
    await pool.close()


async def test_a_user_who_has_too_many_is_told_to_try_again(server: Server) -> None:
    pool = Pool(server.connect, size=2, wait_seconds=30)
    heavy = stamp()
    held = await pool.take(heavy)
    await pool.release(await pool.take(stamp()))
    pool._wait_seconds = 0
    with pytest.raises(Overloaded) as refused:
        await pool.take(heavy)
    assert refused.value.extensions["retryAfter"] == 1
    await pool.release(await pool.take(stamp()))
    await pool.release(held)
    await pool.close()


async def test_connections_that_could_not_be_made_are_nobodys(server: Server) -> None:
    nowhere = Server(NOWHERE)
    pool = Pool(nowhere.connect, size=2, wait_seconds=5)
    of = stamp()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await pool.take(of)
    nowhere.url = server.url
    await pool.release(await pool.take(of))
    assert not pool._opening
    await pool.close()


async def test_what_is_in_use_is_counted(pool: Pool) -> None:
    assert pool.counts() == PoolCounts(idle=0, busy=0, size=2, waiting=0)
    taken = [await pool.take() for _ in range(2)]
    tasks = await waiting(pool, "first", "second")
    assert pool.counts() == PoolCounts(idle=0, busy=2, size=2, waiting=2)
    for task in tasks.values():
        task.cancel()
    await asyncio.wait(tasks.values())
    assert pool.counts() == PoolCounts(idle=0, busy=2, size=2, waiting=0)
    for connection in taken:
        await pool.release(connection)
    assert pool.counts() == PoolCounts(idle=2, busy=0, size=2, waiting=0)
