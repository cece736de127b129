"""What will be null in the response, known before it is built, so that nothing is waited for in vain."""

from __future__ import annotations

from collections.abc import Sequence


class Fate:
    """Which values of one place of the response will be null, because something in them failed where it may not."""

    __slots__ = ("_above", "_lost", "_places", "_required")

    def __init__(self, above: Fate | None = None, places: Sequence[int] = (), *, required: bool = False) -> None:
        """`places` says to which value above each belongs, which is null with it if it is `required`."""
        self._above = above
        self._places = places
        self._required = required
        self._lost: set[int] | None = None

    def lose(self, place: int) -> None:
        """The value will be null."""
        if self._lost is None:
            self._lost = set()
        if place not in self._lost:
            self._lost.add(place)
            if self._required and self._above is not None:
                self._above.lose(self._places[place])

    def is_lost(self, place: int) -> bool:
        """Whether the value will be null, or will not be there, because what holds it is null."""
        if self._lost is not None and place in self._lost:
            return True
        return self._above is not None and self._above.is_lost(self._places[place])
