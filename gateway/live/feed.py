"""The event source of a subscription: the changes in one user's feed that concern it."""

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
    """Describes a source of events, so that equal sources can be recognised.

    It is also a stream, for running a subscription on its own.
    """

    __slots__ = ("_described", "_stream", "after", "cls", "hub", "tables", "user_id", "where")

    def __init__(
        self,
        hub: Hub,
        cls: type,
        user_id: UUID,
        where: Mapping[str, str],
        after: FeedCursor | None,
        tables: frozenset[str] | None = None,
    ) -> None:
        self.hub = hub
        self.cls = cls
        """The class of the events."""
        self.user_id = user_id
        self.where = where
        """The values that columns of a change must have."""
        self.tables = tables
        """The tables whose changes cause events; None for those of the class."""
        self.after = after
        """The cursor to start after; None for the present end of the feed."""
        self._described = event_of(cls)
        self._stream: AsyncGenerator[Together, None] | None = None

    def pick(self, changes: Iterable[Change]) -> list[Change]:
        """The changes that cause events. This includes changes of rows that no longer match `where` but did before."""
        made = [change for change in changes if self._described.made_by(change)]
        if (tables := self.tables) is not None:
            made = [change for change in made if change.entity in tables]
        where = self.where.items()
        return [change for change in made if _concerns(change, where)] if where else made

    def event(self, change: Change) -> Any:
        """The event for a change."""
        return occurrence(self.cls, change)

    def __aiter__(self) -> AsyncIterator[Together]:
        self._stream = self._events()
        return self._stream

    async def aclose(self) -> None:
        """Stop following the feed, if it was iterated."""
        if self._stream is not None:
            await self._stream.aclose()

    async def _events(self) -> AsyncGenerator[Together, None]:
        # Closed explicitly rather than by garbage collection, so that the hub forgets the follower at once.
        async with aclosing(self.hub.follow(self.user_id, self.after)) as together:
            async for changes in together:
                if picked := self.pick(changes):
                    yield Together(map(self.event, picked))


def _concerns(change: Change, where: Iterable[tuple[str, str]]) -> bool:
    old = change.old_data
    return all(change.data[name] == value for name, value in where) or (
        old is not None and all(old[name] == value for name, value in where)
    )
