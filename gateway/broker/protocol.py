"""The interface between brokers and the rest of the gateway.

A broker carries two things between processes: hints ("this user's feed may have new changes") and signals (small
messages that are never stored). Either may be lost, repeated, late or malformed. A lost hint only delays followers
until the hub's next poll, and no signal is the only copy of a fact that matters. So a broker never makes a writer wait
or fail, and it buffers only a limited amount while the carrier is unavailable.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

MOST_SIGNAL_BYTES = 6 * 1024 + 128
"""The longest signal. Encoded for PostgreSQL, it fits into one notification of less than 8000 bytes."""


class Listener(Protocol):
    """Receives what other processes send about the users that this process watches."""

    def hint(self, user_ids: Iterable[UUID]) -> None:
        """These users' feeds may have new changes."""

    def gap(self) -> None:
        """Anything may have been missed."""

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """A signal arrived. Its origin is not verified: anyone with access to the carrier can send one."""


class Broker(Protocol):
    """One process's connection to the others.

    Its counters, since the start of the process: hints sent and received (one per user), signals sent, hints and
    signals dropped, and reconnects.
    """

    hints_sent: int
    hints_received: int
    signals_sent: int
    dropped: int
    reconnects: int

    async def start(self, listener: Listener) -> None:
        """Start without waiting for the carrier. The listener's `gap` is called each time that it is reached."""

    def publish(self, user_id: UUID) -> None:
        """Send a hint to the other processes soon. Never blocks or raises."""

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """Send up to `MOST_SIGNAL_BYTES` to the other processes that watch the user, soon. Never blocks or raises."""

    def watch(self, user_id: UUID) -> None:
        """Receive what concerns this user until `unwatch` is called as often. Watch, then read, to miss nothing."""

    def unwatch(self, user_id: UUID) -> None:
        """Undo one `watch`."""

    async def close(self) -> None:
        """Stop. Sends what is buffered if that is possible at once."""
