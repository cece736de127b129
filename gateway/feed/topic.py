"""Topics: signals about one object of one user."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from gateway.feed.gathered import gathered
from gateway.feed.signals import MOST_PAYLOAD_BYTES, Signals


@dataclass(frozen=True, slots=True)
class Topic:
    """Sends and receives the signals about one object.

    An empty payload tells listeners that something happened: they must read the database.
    """

    signals: Signals
    kind: str
    user_id: UUID
    id: UUID

    def send(self, payload: bytes = b"") -> None:
        """Send a payload to all listeners, or an empty one if it is too long for a signal. Never waits."""
        self.signals.send(self.user_id, self._name, payload if len(payload) <= MOST_PAYLOAD_BYTES else b"")

    @asynccontextmanager
    async def listen(self, *, within: float, quiet: float) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """The payloads from this call until the end of the block, in lists of those within `within` seconds.

        An empty list means that none has arrived for `quiet` seconds.
        """
        async with (
            aclosing(self.signals.listen(self.user_id, self._name)) as signals,
            aclosing(_gathered(signals, within, quiet)) as received,
        ):
            yield received

    @property
    def _name(self) -> str:
        return f"{self.kind}:{self.id}"


async def _gathered(signals: AsyncIterator[bytes], within: float, quiet: float) -> AsyncGenerator[list[bytes]]:
    while True:
        yield await gathered(signals, within=within, quiet=quiet)
