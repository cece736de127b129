"""What writers did and what readers saw, and whether the two agree.

Every value is written once and is like no other. A write is acknowledged, failed (and then it did not happen), or
unknown: the answer was lost, and it may have happened or not. A reader must see what was acknowledged, may see what is
unknown, and must see each of them once and in the order of the commits.
"""

from __future__ import annotations

import os
import random
import secrets
from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SCALE = float(os.environ.get("PARLEY_TEST_SCALE", "1"))
"""How much the tests with faults do: 1 is what takes a minute in all."""

SEED = int(os.environ.get("PARLEY_TEST_SEED") or secrets.randbits(32))
RANDOM = random.Random(SEED)  # noqa: S311 - chance, which nobody needs to be unable to guess

lines: list[str] = []
"""What came of each history of this session, shown at its end."""


def scaled(count: int) -> int:
    """So many, or more or fewer where the environment asks for it."""
    return max(2, round(count * SCALE))


@dataclass(frozen=True, slots=True)
class Seen:
    """A value where a reader saw it. Places go up in the order of the commits."""

    place: int
    value: Hashable


@dataclass(slots=True)
class Writes:
    """What became of each value that was to be written."""

    acknowledged: set[Hashable] = field(default_factory=set)
    failed: set[Hashable] = field(default_factory=set)
    unknown: set[Hashable] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a history. A sound one is all empty."""

    lost: Collection[Hashable] = ()
    """Acknowledged, and not seen."""
    doubled: Collection[Hashable] = ()
    """Seen more than once."""
    disordered: Collection[Hashable] = ()
    """Seen after what was committed later."""
    invented: Collection[Hashable] = ()
    """Seen, and never written."""


SOUND = Verdict()


def judge(writes: Writes, seen: Sequence[Seen]) -> Verdict:
    """Compare what a reader saw with what writers did."""
    times = Counter(each.value for each in seen)
    return Verdict(
        lost=tuple(writes.acknowledged - times.keys()),
        doubled=tuple(value for value, count in times.items() if count > 1),
        disordered=tuple(after.value for before, after in pairwise(seen) if after.place <= before.place),
        invented=tuple(times.keys() - writes.acknowledged - writes.unknown),
    )


def report(name: str, writes: Writes, seen: Sequence[Seen], **counts: int) -> Verdict:
    """Judge a history, and have one line about it shown at the end of the session."""
    verdict = judge(writes, seen)
    found = {
        "writes": len(writes.acknowledged),
        "unknown": len(writes.unknown),
        "events": len(seen),
        **counts,
        "lost": len(verdict.lost),
        "doubled": len(verdict.doubled),
        "out of order": len(verdict.disordered),
        "invented": len(verdict.invented),
    }
    lines.append(f"{name}: " + ", ".join(f"{count} {what}" for what, count in found.items()))
    return verdict
