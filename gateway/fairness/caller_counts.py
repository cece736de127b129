"""What each caller has in use, counted."""

from __future__ import annotations

from itertools import islice
from typing import Any

MOST = 10_000


class CallerCount:
    """How many of something one caller has."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class CallerCounts(dict[Any, CallerCount]):
    """The counts of all callers. Above `most`, each new one makes room by those who have nothing, the oldest first.

    To make and drop one each time would cost more than the counting.
    """

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self.most = most

    def __missing__(self, caller: Any) -> CallerCount:
        if len(self) >= self.most:
            for old in list(islice(self, 2)):
                kept = self.pop(old)
                if kept.count:
                    self[old] = kept  # behind the others
        made = self[caller] = CallerCount()
        return made
