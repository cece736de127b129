"""Null propagation ahead of the response, so that no value is awaited that will not be in it."""

from __future__ import annotations

from collections.abc import Sequence


class Fate:
    """Which values will be null, because a null in a non-null position within them has propagated to them."""

    __slots__ = ("_above", "_indexes", "_lost", "_required")

    def __init__(self, above: Fate | None = None, indexes: Sequence[int] = (), *, required: bool = False) -> None:
        """`indexes` has the index in `above` of each value's parent, which is lost with a `required` value."""
        self._above = above
        self._indexes = indexes
        self._required = required
        self._lost: set[int] | None = None

    def lose(self, index: int) -> None:
        """Note that the value will be null."""
        if self._lost is None:
            self._lost = set()
        if index not in self._lost:
            self._lost.add(index)
            if self._required and self._above is not None:
                self._above.lose(self._indexes[index])

    def is_lost(self, index: int) -> bool:
        """Whether the value will be null, or missing because a parent is null."""
        if self._lost is not None and index in self._lost:
            return True
        return self._above is not None and self._above.is_lost(self._indexes[index])
