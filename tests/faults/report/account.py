"""What came of a run with faults: the verdict, how much was done, how late events were."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.chance import SEED
from tests.faults.history import SOUND, Outcome, Stored, Verdict, View, Write, check

lines: list[str] = []
"""A line about each run of this session, shown at its end."""


@dataclass(slots=True)
class Account:
    """Begins empty; each user's history is added to it."""

    name: str
    seconds: float = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    """What was done besides, and how often."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """What else was measured."""
    broke_off: str = ""
    """Why it did not come to its end."""
    verdict: Verdict = SOUND
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    stored: int = 0
    """Events in the feeds, which everybody was to see."""
    seen: int = 0
    """Events that readers saw, all together."""
    delays: list[float] = field(default_factory=list)
    """Seconds from the beginning of each event's transaction until a reader saw it."""

    @property
    def is_sound(self) -> bool:
        """Whether it came to its end, and nothing is wrong with it."""
        return not self.broke_off and self.verdict == SOUND

    def add(self, writes: Sequence[Write], stored: Sequence[Stored], views: Iterable[View]) -> None:
        """Judge the history of one more user."""
        views = list(views)
        self.verdict += check(writes, stored, views)
        self.outcomes.update(write.outcome for write in writes)
        self.stored += len(stored)
        at = {each.value: each.at for each in stored}
        for view in views:
            self.seen += len(view.seen)
            self.delays += [each.at - at[each.value] for each in view.seen if each.value in at]

    def delay(self, part: float) -> float:
        """Seconds that so large a part of the deliveries took at most."""
        ordered = sorted(self.delays)
        return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else 0

    def close(self) -> Verdict:
        """Have a line about it shown, and say what was found."""
        lines.append(f"{self} (seed {SEED})")
        return self.verdict

    def __str__(self) -> str:
        written = ", ".join(f"{self.outcomes[each]} {each.value}" for each in Outcome)
        counts = "".join(f", {count} {what}" for what, count in self.counts.items())
        return (
            f"{self.name}: {written}, {self.stored} stored, {self.seen} seen{counts}; {self.broke_off or self.verdict}"
        )
