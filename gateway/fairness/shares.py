"""Limits the bytes that each caller's operations may hold together."""

from __future__ import annotations

from collections.abc import Hashable

OPERATIONS_OF_ONE = 4
"""A caller's share, in operations of the maximum size."""


class Shares:
    """The bytes that each caller holds, in one process."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken: dict[Hashable, int] = {}
        """Bytes held, by caller. Callers that hold none are left out."""

    def hold(self, caller: Hashable) -> Held:
        """Create a claim on a caller's share, of 0 bytes at first."""
        return Held(self, caller)


class Held:
    """A claim on a caller's share. `take(0)` or garbage collection of this object releases it."""

    __slots__ = ("_bytes", "_caller", "_shares")

    def __init__(self, shares: Shares, caller: Hashable) -> None:
        self._shares = shares
        self._caller = caller
        self._bytes = 0

    def take(self, count: int) -> bool:
        """Set the claim to `count` bytes. Returns False, and changes nothing, if they exceed the caller's share."""
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
