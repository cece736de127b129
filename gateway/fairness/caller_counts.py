"""Counts what each caller has in use."""

from __future__ import annotations

from itertools import islice
from typing import Any

MOST = 10_000


class CallerCount:
    """The count of one caller."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class CallerCounts(dict[Any, CallerCount]):
    """The counts of all callers. Above `most`, each new entry evicts those of the oldest callers whose count is 0.

    Creating and deleting an entry each time would cost more than counting.
    """

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self.most = most

    def __missing__(self, caller: Any) -> CallerCount:
        if len(self) >= self.most:
            for old in list(islice(self, 2)):
                kept = self.pop(old)
                if kept.count:
                    self[old] = kept  # at the end
        count = self[caller] = CallerCount()
        return count
