"""The cache of prepared documents, so that an operation that clients repeat is parsed and validated once.

Anyone may send documents, so a flood of new ones must not evict those that clients use. The cache is an S3-FIFO: a
document starts in a short queue, and documents that are sent once never get further. One that is requested again, while
it is in that queue or soon after it was dropped, moves to the main queue. A hit moves nothing: it marks the entry, and
eviction skips marked entries once.

Refusals are not cached: an attacker sends another text each time, and an honest client does not repeat a refused one.

https://dl.acm.org/doi/10.1145/3600006.3613147 (Yang and others, FIFO queues are all you need for cache eviction)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

# Documents that were requested once may fill one tenth of the cache.
SHARE_OF_NEW = 10

SHARE_OF_ONE = 8
"""One document may fill at most one eighth of the cache, unless it is made otherwise."""


@dataclass(slots=True, eq=False)
class _Entry(Generic[T]):
    key: Hashable
    value: T
    weight: int
    asked_again: bool = False


@dataclass(slots=True)
class _Queue(Generic[T]):
    """Entries in order of arrival, and their total weight."""

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
    """A cache of documents by key, bounded by number and by weight.

    The weight of a document is the length of its text. A prepared document takes some hundred bytes per character.
    """

    max_documents: int = 1_000
    max_weight: int = 256 * 1024
    share_of_one: int = SHARE_OF_ONE
    """One document may fill at most this part of it."""
    misses: int = 0
    """How many lookups found no document."""
    _entries: dict[Hashable, _Entry[T]] = field(default_factory=dict)
    _new: _Queue[T] = field(default_factory=_Queue)
    _kept: _Queue[T] = field(default_factory=_Queue)
    _dropped: dict[int, None] = field(default_factory=dict)
    """The hashes of the keys that were dropped last, oldest first."""

    def get(self, key: Hashable) -> T | None:
        """Return the document, if it is cached, and mark it as requested again."""
        entry = self._entries.get(key)
        if entry is None:
            self.misses += 1
            return None
        entry.asked_again = True
        return entry.value

    def put(self, key: Hashable, document: T, weight: int) -> None:
        """Add a document, and evict others to make room for it."""
        if key in self._entries or weight > self.max_weight // self.share_of_one:
            return
        entry = _Entry(key, document, weight)
        while self._entries and not self._has_room(weight):
            self._make_room()
        self._entries[key] = entry
        (self._kept if self._dropped.pop(hash(key), False) is None else self._new).push(entry)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def weight(self) -> int:
        """The total weight of the cached documents."""
        return self._new.weight + self._kept.weight

    def _has_room(self, weight: int) -> bool:
        return len(self._entries) < self.max_documents and self.weight + weight <= self.max_weight

    def _make_room(self) -> None:
        """Keep or drop the next entry in turn."""
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
        del self._entries[entry.key]

    def _remember(self, entry: _Entry[T]) -> None:
        self._dropped[hash(entry.key)] = None
        if len(self._dropped) > self.max_documents:
            del self._dropped[next(iter(self._dropped))]
