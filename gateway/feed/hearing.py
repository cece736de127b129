"""Delivers what a broker receives to the hub and the signals of this process."""

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
    """Run the broker for the duration of the block."""
    await broker.start(_Listener(hub, signals))
    try:
        yield
    finally:
        await broker.close()


@dataclass(frozen=True, slots=True)
class _Listener:
    hub: Hub
    signals: Signals

    def hint(self, user_ids: Iterable[UUID]) -> None:
        self.hub.hint(user_ids)

    def gap(self) -> None:
        self.hub.hint_all()

    def signal(self, user_id: UUID, payload: bytes) -> None:
        self.signals.receive(user_id, payload)
