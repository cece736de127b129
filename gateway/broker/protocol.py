"""What the rest of the gateway knows of brokers.

A broker carries two things between processes: hints, "this user's feed may have moved", and signals, small messages
that are never stored. Either may be lost, repeated or late, and what is heard may be nonsense: hints only save the time
until the hub looks by itself, and of a signal that matters, the truth is elsewhere. So a broker never makes a writer
wait, never fails one, and keeps only so much for a carrier that is away.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID

MOST_SIGNAL_BYTES = 6 * 1024 + 128
"""The longest signal. In the form that PostgreSQL can carry, it fits into one notification of less than 8000 bytes."""


class Listener(Protocol):
    """Whoever hears what other processes say of the users that this process watches."""

    def hint(self, user_ids: Iterable[UUID]) -> None:
        """These users' feeds may have moved."""

    def gap(self) -> None:
        """Anything may have been missed."""

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """Another process sent this, if nothing else can write to the carrier."""


class Broker(Protocol):
    """One process's way to the others.

    It counts, since the start of the process: users whose hints it sent and heard, signals it sent, hints and signals
    it gave up, and how often it had to connect anew.
    """

    hints_sent: int
    hints_received: int
    signals_sent: int
    dropped: int
    reconnects: int

    async def start(self, listener: Listener) -> None:
        """Begin, without waiting for a carrier that may be away: `gap` tells of each time that it has been reached."""

    def publish(self, user_id: UUID) -> None:
        """Hint to the other processes, soon. Never blocks, never raises."""

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """Send at most `MOST_SIGNAL_BYTES` to the other processes that watch the user, soon. Never blocks or raises."""

    def watch(self, user_id: UUID) -> None:
        """Hear of this user, until `unwatch` was called as often. Whoever watches and then reads misses nothing."""

    def unwatch(self, user_id: UUID) -> None:
        """Take one `watch` back."""

    async def close(self) -> None:
        """Stop, and send what is waiting if that is possible at once."""
