"""What writers did, what the database has and what readers saw, and whether the three agree.

Every value is written once and is like no other. A write is acknowledged, refused (and then it did not happen), or
unknown: the answer was lost, and it may have happened or not. The database must have what was acknowledged, may have
what is unknown, and each reader must have seen what the database has: once, and in the order of the commits.
"""

from __future__ import annotations

import enum
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields


class Outcome(enum.Enum):
    """What a writer knows of a write."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Write:
    """One write, with the times of its first attempt and of its answer, by the writer's clock."""

    value: str
    outcome: Outcome
    began: float
    ended: float = math.inf


@dataclass(frozen=True, slots=True)
class Stored:
    """A value in the database. Versions go up in the order of the commits; `seq` counts the values of a stream."""

    version: int
    value: str
    stream: str
    seq: int
    at: float = 0
    """When its transaction began."""


@dataclass(frozen=True, slots=True, order=True)
class Seen:
    """A value where a reader saw it, and when."""

    version: int
    value: str
    at: float = 0


@dataclass(frozen=True, slots=True)
class View:
    """All that one reader saw."""

    reader: str
    seen: Sequence[Seen]
    stream: str | None = None
    """The only stream that it asked for; None for all."""
    end: float = math.inf
    """The version that it has read up to."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a history, in words. A sound one is all empty."""

    lost: tuple[str, ...] = ()
    """Acknowledged and not stored, or stored and not seen."""
    doubled: tuple[str, ...] = ()
    """Stored or seen more than once."""
    disordered: tuple[str, ...] = ()
    """Seen after what was committed later, or committed before what had ended when it began."""
    invented: tuple[str, ...] = ()
    """Stored, and never written or refused."""
    divided: tuple[str, ...] = ()
    """Seen otherwise than it is stored."""
    gaps: tuple[str, ...] = ()
    """Numbers of a stream that are missing, or not in the order of the commits."""

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def __str__(self) -> str:
        return ", ".join(f"{len(getattr(self, field.name))} {field.name}" for field in fields(self))


SOUND = Verdict()


def check(writes: Sequence[Write], stored: Sequence[Stored], views: Iterable[View]) -> Verdict:
    """Compare what writers did, what is stored, and what each reader saw."""
    stored = sorted(stored, key=lambda each: each.version)
    return _check_stored(writes, stored) + check_views(stored, views)


def check_views(stored: Sequence[Stored], views: Iterable[View]) -> Verdict:
    """Compare what is stored with what each reader saw."""
    return sum((_check_view(stored, view) for view in views), SOUND)


def _check_stored(writes: Sequence[Write], stored: Sequence[Stored]) -> Verdict:
    values = Counter(each.value for each in stored)
    written = {each.value: each for each in writes}
    possible = {value for value, write in written.items() if write.outcome is not Outcome.REFUSED}
    acknowledged = {value for value, write in written.items() if write.outcome is Outcome.ACKNOWLEDGED}
    return Verdict(
        lost=_told(acknowledged - values.keys(), "not stored"),
        doubled=_told(_repeated(values), "stored twice"),
        disordered=_told(_overtaken(written, stored), "stored before what had ended when it began"),
        invented=_told(values.keys() - possible, "stored"),
        gaps=tuple(_gaps(stored)),
    )


def _check_view(stored: Sequence[Stored], view: View) -> Verdict:
    expected = {
        each.value: each.version for each in stored if view.stream in (None, each.stream) and each.version <= view.end
    }
    first: dict[str, int] = {}
    for each in view.seen:
        first.setdefault(each.value, each.version)
    differently = {value for value, version in first.items() if expected.get(value) != version}
    by = f"by {view.reader}"
    return Verdict(
        lost=_told(expected.keys() - first.keys(), f"not seen {by}"),
        doubled=_told(_repeated(Counter(each.value for each in view.seen)), f"seen twice {by}"),
        disordered=_told(_displaced(first), f"seen {by} after what was committed later"),
        divided=_told(differently, f"not stored as seen {by}"),
    )


def _repeated(values: Counter[str]) -> list[str]:
    return [value for value, count in values.items() if count > 1]


def _displaced(first: dict[str, int]) -> Iterator[str]:
    furthest = 0
    for value, version in first.items():
        if version < furthest:
            yield value
        furthest = max(furthest, version)


def _overtaken(written: dict[str, Write], stored: Sequence[Stored]) -> Iterator[str]:
    """Values that were stored before another one although they were begun only after that one had ended."""
    earliest_end = math.inf
    for value in reversed(dict.fromkeys(each.value for each in stored)):
        write = written.get(value)
        if write is not None:
            if write.began > earliest_end:
                yield value
            earliest_end = min(earliest_end, write.ended)


def _gaps(stored: Sequence[Stored]) -> Iterator[str]:
    streams: dict[str, list[int]] = defaultdict(list)
    for each in stored:
        streams[each.stream].append(each.seq)
    for stream, numbers in streams.items():
        for expected, number in enumerate(numbers, start=1):
            if number != expected:
                yield f"{stream}: {number} where {expected} should be"
                break


def _told(values: Iterable[str], what: str) -> tuple[str, ...]:
    return tuple(f"{value}: {what}" for value in sorted(values))
