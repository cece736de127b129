"""A queue that is fair between owners: each has its own line, and the lines are served in turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Futures of waiters. A future that is done, because its waiter was cancelled, is ignored."""

    def __init__(self) -> None:
        self.lines: dict[Hashable, deque[asyncio.Future[T]]] = {}
        """The line of each owner, in the order in which owners are served."""

    def __len__(self) -> int:
        return sum(self.counts().values())

    def counts(self) -> dict[Hashable, int]:
        """The number of waiters, by owner."""
        return {owner: sum(not waiter.done() for waiter in line) for owner, line in self.lines.items()}

    def last(self, owner: Hashable) -> asyncio.Future[T]:
        """An owner's most recent waiter."""
        return next(waiter for waiter in reversed(self.lines[owner]) if not waiter.done())

    def add(self, owner: Hashable, waiter: asyncio.Future[T]) -> None:
        """Append a waiter to its owner's line."""
        line = self.lines.get(owner)
        if line is None:
            line = self.lines[owner] = deque()
        line.append(waiter)

    def next(self, may: Callable[[Any], bool] | None = None) -> tuple[Any, asyncio.Future[T]] | None:
        """Remove and return the next owner and waiter, or None. Owners for which `may` is false are skipped."""
        over = []
        next_owner: Hashable = None
        line: deque[asyncio.Future[T]] | None = None
        for owner, each in self.lines.items():
            while each and each[0].done():
                each.popleft()
            if not each:
                over.append(owner)
            elif may is None or may(owner):
                next_owner, line = owner, each
                break
        for owner in over:
            del self.lines[owner]
        if line is None:
            return None
        waiter = line.popleft()
        del self.lines[next_owner]
        if line:
            self.lines[next_owner] = line  # behind the other owners
        return next_owner, waiter
