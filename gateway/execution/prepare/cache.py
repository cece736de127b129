"""The documents that are in use, so that an operation that clients repeat is read once.

Anyone may send documents, so the cache must not forget the good ones for them. It is an S3-FIFO: a document begins in
a short queue, which is all that documents sent once ever fill, and comes to stay when it was asked for again, there or
soon after it was dropped. Nothing is moved when a document is found; it is marked, and marked ones are passed over when
room is needed.

What was refused is not remembered: an attacker sends another text each time, and an honest client does not repeat it.

https://dl.acm.org/doi/10.1145/3600006.3613147 (Yang and others, FIFO queues are all you need for cache eviction)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

# Of the room, for documents that nobody has asked for again yet.
SHARE_OF_NEW = 10

# Of the room, for one document at most.
SHARE_OF_ONE = 8


@dataclass(slots=True, eq=False)
class _Entry(Generic[T]):
    key: Hashable
    value: T
    weight: int
    asked_again: bool = False


@dataclass(slots=True)
class _Queue(Generic[T]):
    """Entries in the order of their arrival, and their weight."""

    entries: deque[_Entry[T]] = field(default_factory=deque)
    weight: int = 0

    def push(self, entry: _Entry[T]) -> None:
        self.entries.append(entry)
        self.weight += entry.weight

    def pop(self) -> _Entry[T]:
        entry = self.entries.popleft()
        self.weight -= entry.weight
        return entry


@dataclass(slots=True)
class DocumentCache(Generic[T]):
    """Keeps documents by key, bounded by number and by weight.

    The weight of a document is the length of its text: what is made of it takes some hundred bytes a character.
    """

    max_documents: int = 1_000
    max_weight: int = 256 * 1024
    misses: int = 0
    """How often a document was asked for that was not there."""
    _found: dict[Hashable, _Entry[T]] = field(default_factory=dict)
    _new: _Queue[T] = field(default_factory=_Queue)
    _kept: _Queue[T] = field(default_factory=_Queue)
    _dropped: dict[int, None] = field(default_factory=dict)
    """The hashes of the keys that were dropped last, the oldest first."""

    def get(self, key: Hashable) -> T | None:
        """The document, which is then known to be asked for again."""
        entry = self._found.get(key)
        if entry is None:
            self.misses += 1
            return None
        entry.asked_again = True
        return entry.value

    def put(self, key: Hashable, document: T, weight: int) -> None:
        """Keep a document that was not found, for as long as there is room."""
        if key in self._found or weight > self.max_weight // SHARE_OF_ONE:
            return
        entry = _Entry(key, document, weight)
        while self._found and not self._has_room(weight):
            self._make_room()
        self._found[key] = entry
        (self._kept if self._dropped.pop(hash(key), False) is None else self._new).push(entry)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def weight(self) -> int:
        """The weight of all that is kept."""
        return self._new.weight + self._kept.weight

    def _has_room(self, weight: int) -> bool:
        return len(self._found) < self.max_documents and self.weight + weight <= self.max_weight

    def _make_room(self) -> None:
        """Look at the next entry whose turn it is: let it stay a while, or drop it."""
        if self._new.entries and (not self._kept.entries or self._has_many_new()):
            entry = self._new.pop()
            if entry.asked_again:
                self._keep(entry)
            else:
                self._drop(entry)
                self._remember(entry)
        else:
            entry = self._kept.pop()
            if entry.asked_again:
                self._keep(entry)
            else:
                self._drop(entry)

    def _has_many_new(self) -> bool:
        new = self._new
        return len(new.entries) * SHARE_OF_NEW > self.max_documents or new.weight * SHARE_OF_NEW > self.max_weight

    def _keep(self, entry: _Entry[T]) -> None:
        entry.asked_again = False
        self._kept.push(entry)

    def _drop(self, entry: _Entry[T]) -> None:
        del self._found[entry.key]

    def _remember(self, entry: _Entry[T]) -> None:
        self._dropped[hash(entry.key)] = None
        if len(self._dropped) > self.max_documents:
            del self._dropped[next(iter(self._dropped))]
