"""What a subscription follows: the changes of one user's feed that make its events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import Any
from uuid import UUID

from gateway.execution.subscribe import Together
from gateway.feed.changes import Change, FeedCursor
from gateway.feed.hub import Hub
from gateway.schema.fields.event import event_of, occurrence


class Feed:
    """A source of events that is no more than a description, so that those who follow the same can be told.

    It is a stream as well, for whoever runs a subscription by itself.
    """

    __slots__ = ("_described", "_stream", "after", "cls", "hub", "user_id", "where")

    def __init__(self, hub: Hub, cls: type, user_id: UUID, where: Mapping[str, str], after: FeedCursor | None) -> None:
        self.hub = hub
        self.cls = cls
        """The class of the events."""
        self.user_id = user_id
        self.where = where
        """What columns that a change carries must be."""
        self.after = after
        """Where to begin; None for where the feed stands."""
        self._described = event_of(cls)
        self._stream: AsyncGenerator[Together, None] | None = None

    def pick(self, changes: Iterable[Change]) -> list[Change]:
        """Those of the changes that make an event: also of a row that has left what the events are narrowed to."""
        made = [change for change in changes if self._described.made_by(change)]
        where = self.where.items()
        return [change for change in made if _concerns(change, where)] if where else made

    def event(self, change: Change) -> Any:
        """The event of a change."""
        return occurrence(self.cls, change)

    def __aiter__(self) -> AsyncIterator[Together]:
        self._stream = self._events()
        return self._stream

    async def aclose(self) -> None:
        """Leave the feed, if it was iterated."""
        if self._stream is not None:
            await self._stream.aclose()

    async def _events(self) -> AsyncGenerator[Together, None]:
        # Closed here and not when it is collected: a follower that has left must leave no trace in the hub.
        async with aclosing(self.hub.follow(self.user_id, self.after)) as together:
            async for changes in together:
                if picked := self.pick(changes):
                    yield Together(map(self.event, picked))


def _concerns(change: Change, where: Iterable[tuple[str, str]]) -> bool:
    old = change.old_data
    return all(change.data[name] == value for name, value in where) or (
        old is not None and all(old[name] == value for name, value in where)
    )
