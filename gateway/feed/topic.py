"""Topics: signals about one object of one user, sealed so that only gateways of this deployment can send them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from gateway.feed.gathered import gathered
from gateway.feed.sealed import SEAL_BYTES, seal, unseal
from gateway.feed.signals import MOST_PAYLOAD_BYTES, Signals

_MOST_BYTES = MOST_PAYLOAD_BYTES - SEAL_BYTES


@dataclass(frozen=True, slots=True)
class Topic:
    """Sends and receives the signals about one object.

    An empty payload tells listeners that something happened: they must read the database.
    """

    signals: Signals
    kind: str
    user_id: UUID
    id: UUID
    key: bytes = field(repr=False)
    """The key that all gateways of the deployment share."""

    def send(self, payload: bytes = b"") -> None:
        """Send a payload to all listeners, or an empty one if it is too long for a signal. Never waits."""
        sealed = seal(payload if len(payload) <= _MOST_BYTES else b"", self._about, self.key)
        self.signals.send(self.user_id, self._name, sealed)

    @asynccontextmanager
    async def listen(self, *, within: float, quiet: float) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """The payloads from this call until the end of the block, in lists of those within `within` seconds.

        An empty list means that none has arrived for `quiet` seconds. A signal with an invalid seal counts as an empty
        payload.
        """
        async with (
            aclosing(self.signals.listen(self.user_id, self._name)) as signals,
            aclosing(self._received(signals, within, quiet)) as received,
        ):
            yield received

    async def _received(
        self, signals: AsyncIterator[bytes], within: float, quiet: float
    ) -> AsyncGenerator[list[bytes]]:
        while True:
            yield [self._opened(signal) for signal in await gathered(signals, within=within, quiet=quiet)]

    def _opened(self, signal: bytes) -> bytes:
        return unseal(signal, self._about, self.key) or b""

    @property
    def _name(self) -> str:
        return f"{self.kind}:{self.id}"

    @property
    def _about(self) -> bytes:
        return self.user_id.bytes + self.id.bytes
