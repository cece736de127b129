"""What will be null in the response, known before it is built, so that nothing is waited for in vain."""

from __future__ import annotations

from collections.abc import Sequence


class Fate:
    """Which values of one index of the response will be null, because something in them failed where it may not."""

    __slots__ = ("_above", "_indexes", "_lost", "_required")

    def __init__(self, above: Fate | None = None, indexes: Sequence[int] = (), *, required: bool = False) -> None:
        """`indexes` says to which value above each belongs, which is null with it if it is `required`."""
        self._above = above
        self._indexes = indexes
        self._required = required
        self._lost: set[int] | None = None

    def lose(self, index: int) -> None:
        """The value will be null."""
        if self._lost is None:
            self._lost = set()
        if index not in self._lost:
            self._lost.add(index)
            if self._required and self._above is not None:
                self._above.lose(self._indexes[index])

    def is_lost(self, index: int) -> bool:
        """Whether the value will be null, or will not be there, because what holds it is null."""
        if self._lost is not None and index in self._lost:
            return True
        return self._above is not None and self._above.is_lost(self._indexes[index])
