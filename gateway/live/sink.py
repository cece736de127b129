"""Where the answers of a subscription go: what a transport gives to `Live.serve`."""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """The way to one subscriber.

    What it raises ends the subscription and reaches whoever called `Live.serve`: a transport says in its own words that
    a client has gone, or takes nothing.
    """

    def push(self, payload: bytes, cursor: str | None) -> bool:
        """Write an answer, encoded, at once and without waiting; says whether there is room for more.

        The cursor is that of the event, if it came from the feed. Called from a loop over all subscribers: it must be
        quick. What is pushed although there is no room is written all the same.
        """

    async def drained(self) -> None:
        """Return once there is room again, at once if there is."""
