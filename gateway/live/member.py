"""One subscriber: how far it has got, and how far behind it may fall."""

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
"""Changes of the feed that a subscriber who was up to date once may fall behind."""
LONGEST_BEHIND = datetime.timedelta(seconds=30)
"""And how much older than the newest of them the next one for it may be."""


class Ended(Exception):
    """A subscription has ended, with this as its last answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Member:
    """A subscriber of a feed. Everything up to its version was sent to it, or is not for it."""

    __slots__ = ("caller", "epoch", "failure", "paused", "sink", "version", "was_live")

    def __init__(self, sink: Sink, caller: Caller, cursor: FeedCursor) -> None:
        self.sink = sink
        self.caller = caller
        self.epoch = cursor.epoch
        self.version = cursor.version
        self.was_live = False
        self.paused: asyncio.Future[None] | None = None
        """While a group pushes to it: done when its sink is full, or something has ended it."""
        self.failure: Exception | None = None
        """What its sink raised when a group pushed to it."""

    @property
    def cursor(self) -> FeedCursor:
        """Its cursor in the feed."""
        return FeedCursor(self.epoch, self.version)

    def pause(self) -> None:
        """Wake its task, which knows how to go on."""
        if self.paused is not None and not self.paused.done():
            self.paused.set_result(None)

    async def take(self, payloads: Sequence[Payload]) -> None:
        """Write payloads at the pace of the client."""
        for payload in payloads:
            self.version = payload.version
            if not self.sink.push(payload.content, payload.cursor):
                await self.sink.drained()

    def check(self, channel: Channel, following: Change) -> None:
        """Raise `Resync` when it fell so far behind that it is better off with reading the state anew.

        Not before it was up to date: whoever comes back after a long time gets all that it missed.
        """
        newest = channel.recent[-1] if channel.recent else following
        late = newest.at - following.at > LONGEST_BEHIND
        if self.was_live and (late or channel.head.version - self.version > MOST_BEHIND):
            raise Resync(
                "This subscription is too far behind. Read the current state and subscribe from its feedCursor.",
                cursor=str(self.cursor),
            )
