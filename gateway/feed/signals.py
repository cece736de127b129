"""Signals: small, short-lived messages about a user that are never stored, such as who is typing.

Listeners in this process receive them at once, those in other processes through the broker. A signal may be lost or
repeated; code that needs certainty reads the database. Between processes signals are sealed, because others may write
to the carrier.
"""

from __future__ import annotations

import asyncio
from collections import deque
from uuid import UUID

from gateway.broker.protocol import MOST_SIGNAL_BYTES, Broker
from gateway.feed.sealed import SEAL_BYTES, seal, unseal

MOST_TOPIC_BYTES = 100
MOST_PAYLOAD_BYTES = 6 * 1024
"""Limit on the payload of one signal."""
MOST_WAITING = 256
"""Signals buffered per listener."""

_END_OF_TOPIC = b"\n"


class Signals:
    """Sends and receives the signals of one process."""

    def __init__(self, broker: Broker, key: bytes) -> None:
        """All gateways of a deployment share `key`."""
        self._broker = broker
        self._key = key
        self._listenings: dict[tuple[UUID, bytes], set[Listening]] = {}

    def __len__(self) -> int:
        """The number of pairs of user and topic that have listeners."""
        return len(self._listenings)

    def send(self, user_id: UUID, topic: str, payload: bytes) -> None:
        """Send a signal to all listeners, here and in other processes. Never waits.

        Raises `ValueError` if the topic or the payload is too long, or the topic has several lines.
        """
        name = _name(topic)
        if len(payload) > MOST_PAYLOAD_BYTES:
            raise ValueError(f"a signal has at most {MOST_PAYLOAD_BYTES} bytes, not {len(payload)}")
        self._deliver(user_id, name, payload)
        head = name + _END_OF_TOPIC
        self._broker.signal(user_id, head + seal(payload, user_id.bytes + head, self._key))

    def listen(self, user_id: UUID, topic: str) -> Listening:
        """Iterate over the payloads of a user's signals on a topic, from this call on. Close it with `aclosing`."""
        listening = Listening(self, user_id, _name(topic))
        self._listenings.setdefault((user_id, listening.topic), set()).add(listening)
        self._broker.watch(user_id)
        return listening

    def receive(self, user_id: UUID, message: bytes) -> None:
        """Deliver a signal from the broker. One that no gateway of this deployment sent is ignored."""
        name, separator, sealed = message.partition(_END_OF_TOPIC)
        payload = unseal(sealed, user_id.bytes + name + separator, self._key)
        if payload is not None:
            self._deliver(user_id, name, payload)

    def leave(self, listening: Listening) -> None:
        """Remove a listener."""
        key = (listening.user_id, listening.topic)
        others = self._listenings[key]
        others.remove(listening)
        if not others:
            del self._listenings[key]
        self._broker.unwatch(listening.user_id)

    def _deliver(self, user_id: UUID, topic: bytes, payload: bytes) -> None:
        for listening in self._listenings.get((user_id, topic), ()):
            listening.put(payload)


class Listening:
    """An iterator over signals. A slow consumer loses the oldest."""

    def __init__(self, signals: Signals, user_id: UUID, topic: bytes) -> None:
        self.user_id = user_id
        self.topic = topic
        self._signals = signals
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._changed = asyncio.Event()
        self._closed = False

    def put(self, payload: bytes) -> None:
        """Append a payload."""
        self._waiting.append(payload)
        self._changed.set()

    def __aiter__(self) -> Listening:
        return self

    async def __anext__(self) -> bytes:
        while not self._waiting and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        if self._closed:
            raise StopAsyncIteration
        return self._waiting.popleft()

    async def aclose(self) -> None:
        """Stop listening. A pending `anext` raises `StopAsyncIteration`."""
        if not self._closed:
            self._closed = True
            self._changed.set()
            self._signals.leave(self)


def _name(topic: str) -> bytes:
    name = topic.encode()
    if len(name) > MOST_TOPIC_BYTES or _END_OF_TOPIC in name:
        raise ValueError(f"not a topic: {topic!r}")
    return name


assert MOST_TOPIC_BYTES + len(_END_OF_TOPIC) + SEAL_BYTES + MOST_PAYLOAD_BYTES <= MOST_SIGNAL_BYTES  # noqa: S101 - of constants
