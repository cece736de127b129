"""What each caller has in use, counted."""

from __future__ import annotations

from itertools import islice
from typing import Any

MOST = 10_000


class Tally:
    """How many of something one caller has."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Tallies(dict[Any, Tally]):
    """The tallies of all callers. Above `most`, each new one makes room by those who have nothing, the oldest first.

    To make and drop one each time would cost more than the counting.
    """

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self.most = most

    def __missing__(self, caller: Any) -> Tally:
        if len(self) >= self.most:
            for old in list(islice(self, 2)):
                tally = self.pop(old)
                if tally.count:
                    self[old] = tally  # behind the others
        made = self[caller] = Tally()
        return made
