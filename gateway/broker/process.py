"""The broker of a process alone."""

from __future__ import annotations

from uuid import UUID

from gateway.broker.protocol import Listener


class ProcessBroker:
    """Carries nothing: there is nobody to tell, and should there be, the hub's slow clock finds what they write."""

    hints_sent = hints_received = signals_sent = dropped = reconnects = 0

    async def start(self, listener: Listener) -> None:
        """Nothing will be heard."""

    def publish(self, user_id: UUID) -> None:
        """Tell nobody."""

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """Tell nobody."""

    def watch(self, user_id: UUID) -> None:
        """Nothing will be heard."""

    def unwatch(self, user_id: UUID) -> None:
        """Nothing was heard."""

    async def close(self) -> None:
        """Nothing is waiting."""
