"""The bytes that each caller may take at a time."""

from __future__ import annotations

from collections.abc import Hashable

OPERATIONS_OF_ONE = 4
"""A caller's share, in operations of the largest size."""


class Shares:
    """The bytes that each caller has taken, in one process."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken: dict[Hashable, int] = {}
        """By caller; without those who have taken nothing."""

    def hold(self, caller: Hashable) -> Held:
        """What a caller takes for one purpose: nothing yet."""
        return Held(self, caller)


class Held:
    """Bytes taken of a caller's share. They are given back by `take(0)`, or with the last reference to this."""

    __slots__ = ("_bytes", "_caller", "_shares")

    def __init__(self, shares: Shares, caller: Hashable) -> None:
        self._shares = shares
        self._caller = caller
        self._bytes = 0

    def take(self, count: int) -> bool:
        """Hold this many bytes in all. False, and no change, if the caller's share has no room for them."""
        taken = self._shares.taken
        others = taken.get(self._caller, 0) - self._bytes
        if count > self._bytes and others + count > self._shares.most:
            return False
        self._bytes = count
        if others + count:
            taken[self._caller] = others + count
        else:
            taken.pop(self._caller, None)
        return True

    def __del__(self) -> None:
        self.take(0)
