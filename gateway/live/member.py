"""One subscriber: its position in the feed, and how far behind it may fall."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence

from gateway.errors import Resync
from gateway.execution.complete import Answer
from gateway.feed.changes import Change, FeedCursor
from gateway.feed.hub import Channel
from gateway.live.run import Caller, Payload
from gateway.live.sink import Sink

MOST_BEHIND = 10_000
"""How many changes a subscriber that was once up to date may fall behind."""
LONGEST_BEHIND = datetime.timedelta(seconds=30)
"""How much older than the newest change its next one may be."""


class Ended(Exception):
    """The subscription has ended. `answer` is its last answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Member:
    """A subscriber of a feed. Everything up to its version was sent to it or does not concern it."""

    __slots__ = ("caller", "epoch", "failure", "paused", "sink", "version", "was_live")

    def __init__(self, sink: Sink, caller: Caller, cursor: FeedCursor) -> None:
        self.sink = sink
        self.caller = caller
        self.epoch = cursor.epoch
        self.version = cursor.version
        self.was_live = False
        self.paused: asyncio.Future[None] | None = None
        """Set while a group pushes to it. Done when its sink is full, or the subscription has ended."""
        self.failure: Exception | None = None
        """The exception that its sink raised when a group pushed to it."""

    @property
    def cursor(self) -> FeedCursor:
        """Its position in the feed."""
        return FeedCursor(self.epoch, self.version)

    def pause(self) -> None:
        """Wake its task, which continues on its own."""
        if self.paused is not None and not self.paused.done():
            self.paused.set_result(None)

    async def take(self, payloads: Sequence[Payload]) -> None:
        """Write payloads, and wait whenever the client cannot keep up."""
        for payload in payloads:
            self.version = payload.version
            if not self.sink.push(payload.content, payload.cursor):
                await self.sink.drained()

    def check(self, channel: Channel, next_change: Change) -> None:
        """Raise `Resync` if it fell so far behind that it should reload the current state instead.

        Applies only once it was up to date: a client that returns after a long time gets everything it missed.
        """
        newest = channel.recent[-1] if channel.recent else next_change
        late = newest.at - next_change.at > LONGEST_BEHIND
        if self.was_live and (late or channel.head.version - self.version > MOST_BEHIND):
            raise Resync(
                "This subscription is too far behind. Read the current state and continue from its feedCursor.",
                cursor=str(self.cursor),
            )
