"""The sink of a subscription's answers, which a transport passes to `Live.serve`."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """Sends answers to one subscriber.

    Its exceptions end the subscription and propagate from `Live.serve`, so a transport can use its own exceptions for a
    client that has gone or does not read.
    """

    def push(self, payload: bytes, cursor: str | None) -> bool:
        """Write an encoded answer without waiting. Returns whether there is room for more.

        `cursor` is the event's cursor if it came from the feed. It is called in a loop over all subscribers, so it must
        be fast. It writes the answer even if there is no room.
        """

    async def drained(self) -> None:
        """Wait until there is room."""
