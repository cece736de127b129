"""The broker of a single process."""

from __future__ import annotations

from uuid import UUID

from gateway.broker.protocol import Listener


class ProcessBroker:
    """Carries nothing. If there are other processes after all, the hub's poll finds their writes."""

    hints_sent = hints_received = signals_sent = dropped = reconnects = 0

    async def start(self, listener: Listener) -> None:
        """Do nothing: nothing will arrive."""

    def publish(self, user_id: UUID) -> None:
        """Do nothing: there is no other process."""

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """Do nothing: there is no other process."""

    def watch(self, user_id: UUID) -> None:
        """Do nothing: nothing will arrive."""

    def unwatch(self, user_id: UUID) -> None:
        """Do nothing: nothing is watched."""

    async def close(self) -> None:
        """Do nothing: nothing is buffered."""
