"""What a broker brings goes to the hub and to the signals of this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from gateway.broker.protocol import Broker
from gateway.feed.hub import Hub
from gateway.feed.signals import Signals


@asynccontextmanager
async def hearing(broker: Broker, hub: Hub, signals: Signals) -> AsyncIterator[None]:
    """Have the broker talk with other processes for as long as the block runs."""
    await broker.start(_Ears(hub, signals))
    try:
        yield
    finally:
        await broker.close()


@dataclass(frozen=True, slots=True)
class _Ears:
    hub: Hub
    signals: Signals

    def hint(self, user_ids: Iterable[UUID]) -> None:
        self.hub.hint(user_ids)

    def gap(self) -> None:
        self.hub.hint_all()

    def signal(self, user_id: UUID, payload: bytes) -> None:
        self.signals.heard(user_id, payload)
