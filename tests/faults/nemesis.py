"""What goes wrong: kills, cuts and freezes, chosen by chance and counted."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from tests.faults.servers.nodes import Node, Nodes

_ANSWER_SECONDS = 2


class Broker(Protocol):
    """What carries the hints, and can be stopped."""

    async def stop_for(self, seconds: float) -> None:
        """Let it carry nothing for a while."""


@dataclass(frozen=True, slots=True)
class PostgresConnections:
    """The connections to PostgreSQL that carry hints."""

    nodes: Nodes

    async def stop_for(self, seconds: float) -> None:
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            await self.nodes.cut_brokers()
            await asyncio.sleep(0.1)


@dataclass(slots=True)
class Nemesis:
    """Does harm to nodes, one thing after the other, while sockets are cut all the time."""

    nodes: Nodes
    broker: Broker
    dice: random.Random
    """What to do next, and to whom."""
    dice_for_cuts: random.Random
    done: Counter[str] = field(default_factory=Counter)
    """How often it has done what."""
    longest_return: float = 0
    """The most seconds from the return of PostgreSQL until all nodes were ready."""

    @property
    def _harm(self) -> list[Callable[[], Awaitable[None]]]:
        return [
            self._kill_gateway,
            self._kill_gateway_at_answer,
            self._kill_database,
            self._stop_broker,
            self._cut_line,
            self._freeze,
            self._freeze_at_answer,
            self._freeze_at_answer,
        ]

    async def rage(self, enough: Callable[[], bool]) -> None:
        """Do everything at least once, and go on until there is enough."""
        async with self._cutting():
            again = True
            while again:
                for harm in self.dice.sample(self._harm, len(self._harm)):
                    await harm()
                    await asyncio.sleep(self.dice.uniform(0, 0.5))
                again = not enough()

    async def _kill_gateway(self) -> None:
        node = self._any()
        await node.process.kill()
        self.done["gateways killed"] += 1
        await self._start_again(node)

    async def _kill_gateway_at_answer(self) -> None:
        """Kill a gateway that has just acknowledged a write, and has perhaps told nobody of it."""
        node = self._any()
        if await self._at_answer(node, signal.SIGKILL):
            await node.process.ended()
            self.done["gateways killed upon an answer"] += 1
            await self._start_again(node)

    async def _kill_database(self) -> None:
        self.longest_return = max(self.longest_return, await self.nodes.kill_database())
        self.done["PostgreSQL killed"] += 1

    async def _stop_broker(self) -> None:
        await self.broker.stop_for(self.dice.uniform(0.5, 1.5))
        self.done["broker stopped"] += 1

    async def _cut_line(self) -> None:
        node = self._any()
        node.line.cut()
        await asyncio.sleep(self.dice.uniform(0, 0.5))
        node.line.mend()
        self.done["lines cut"] += 1

    async def _freeze(self) -> None:
        node = self._any()
        node.process.signal(signal.SIGSTOP)
        await self._thaw(node)
        self.done["gateways frozen"] += 1

    async def _freeze_at_answer(self) -> None:
        """Freeze a gateway that has just acknowledged a write: between the commit and its hint."""
        node = self._any()
        if await self._at_answer(node, signal.SIGSTOP):
            await self._thaw(node)
            self.done["gateways frozen upon an answer"] += 1

    def _any(self) -> Node:
        return self.dice.choice(self.nodes.all)

    async def _at_answer(self, node: Node, number: signal.Signals) -> bool:
        """Send a node a signal the moment that it has acknowledged its next write. False if there is none."""
        happened = asyncio.Event()

        def act() -> None:
            node.process.signal(number)
            happened.set()

        node.at_answer = act
        with suppress(TimeoutError):
            await asyncio.wait_for(happened.wait(), _ANSWER_SECONDS)
        node.at_answer = None
        return happened.is_set()

    async def _start_again(self, node: Node) -> None:
        await asyncio.sleep(self.dice.uniform(0, 0.5))
        await node.process.start()

    async def _thaw(self, node: Node) -> None:
        await asyncio.sleep(self.dice.uniform(0.1, 2))
        node.process.signal(signal.SIGCONT)

    @asynccontextmanager
    async def _cutting(self) -> AsyncIterator[None]:
        """Meanwhile, cut connections in the middle of messages."""
        task = asyncio.create_task(self._cut_on_and_on())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _cut_on_and_on(self) -> None:
        while True:
            await asyncio.sleep(self.dice_for_cuts.uniform(0, 0.5))
            node = self.dice_for_cuts.choice(self.nodes.all)
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    self.done["sockets cut"] += await node.line.cut_one(self.dice_for_cuts)
