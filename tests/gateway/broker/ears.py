"""What one process hears from a broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from gateway.broker.protocol import Broker


@dataclass(slots=True)
class Ears:
    """A listener that remembers."""

    hints: list[UUID] = field(default_factory=list)
    signals: list[tuple[UUID, bytes]] = field(default_factory=list)
    gaps: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def hint(self, user_ids: Iterable[UUID]) -> None:
        self.hints.extend(user_ids)
        self._changed.set()

    def gap(self) -> None:
        self.gaps += 1
        self._changed.set()

    def signal(self, user_id: UUID, payload: bytes) -> None:
        self.signals.append((user_id, payload))
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once this holds of what was heard."""
        async with asyncio.timeout(20):
            while not holds():
                await self._changed.wait()
                self._changed.clear()

    async def until_hint(self, user_id: UUID) -> None:
        """Return once there was a hint of this user."""
        await self.until(lambda: user_id in self.hints)

    async def until_gaps(self, count: int) -> None:
        """Return once there were so many gaps."""
        await self.until(lambda: self.gaps >= count)


@asynccontextmanager
async def listening(broker: Broker, *watched: UUID) -> AsyncIterator[Ears]:
    """The ears of a broker that is connected, and whose carrier knows whom it watches."""
    for user_id in watched:
        broker.watch(user_id)
    ears = Ears()
    await broker.start(ears)
    try:
        await ears.until_gaps(1)
        ears.hints.clear()
        yield ears
    finally:
        await broker.close()
