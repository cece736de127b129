"""A queue that is fair between owners: one line for each, and the lines are served in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Futures of those who wait. One that is done, because its waiter has gone, counts no more."""

    def __init__(self) -> None:
        self.lines: dict[Hashable, deque[asyncio.Future[T]]] = {}
        """By owner, the one to be served next first."""

    def __len__(self) -> int:
        return sum(self.counts().values())

    def counts(self) -> dict[Hashable, int]:
        """How many wait, by owner."""
        return {owner: sum(not waiter.done() for waiter in line) for owner, line in self.lines.items()}

    def last(self, owner: Hashable) -> asyncio.Future[T]:
        """Of an owner's waiters, the one who came last."""
        return next(waiter for waiter in reversed(self.lines[owner]) if not waiter.done())

    def add(self, owner: Hashable, waiter: asyncio.Future[T]) -> None:
        """Join the owner's line at its end."""
        line = self.lines.get(owner)
        if line is None:
            line = self.lines[owner] = deque()
        line.append(waiter)

    def next(self, may: Callable[[Any], bool] | None = None) -> tuple[Any, asyncio.Future[T]] | None:
        """The owner and the waiter whose turn it is, taken off the queue; owners who `may` not are passed over."""
        over = []
        found: Hashable = None
        line: deque[asyncio.Future[T]] | None = None
        for owner, each in self.lines.items():
            while each and each[0].done():
                each.popleft()
            if not each:
                over.append(owner)
            elif may is None or may(owner):
                found, line = owner, each
                break
        for owner in over:
            del self.lines[owner]
        if line is None:
            return None
        waiter = line.popleft()
        del self.lines[found]
        if line:
            self.lines[found] = line  # behind the others
        return found, waiter
