"""Keeps the log small: truncates long lines, and logs repeated complaints once, with a count afterwards.

A complaint is a warning or an error. Many are caused by untrusted input, and some libraries quote it. Two complaints
are the same if they have the same values, or come from the same log statement in a library and concern the same
address.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

WINDOW_SECONDS = 60.0
"""After a complaint was logged, repetitions within this window are only counted."""

MOST_KEPT = 1_000
"""Complaints remembered."""

MOST_ADDRESSES = 20
"""Addresses for which one complaint is logged within a window. All others count as one."""

LONGEST_TEXT = 4_000
MOST_ITEMS = 100

LONGEST_KEPT = 200
"""Characters of each value that is kept for the count."""

_PLACEHOLDER = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[a-z]")
_OF_THE_LINE = frozenset({"event", "level", "logger", "timestamp", "exc_info", "stack"})
"""What each line gets anew."""


@dataclass(slots=True)
class Complaint:
    """A complaint that was logged, and whose repetitions are counted."""

    logger: str
    level: int
    message: str
    """What tells it from others of this logger."""
    about: str | None
    event: str
    """What the count says."""
    values: Mapping[str, Any]
    """The values that the count repeats."""
    since: float
    repeated: int = 0


class Repeats(logging.Filter):
    """Drops warnings and errors that were logged recently, and logs later how often they were repeated."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._logged: OrderedDict[Hashable, Complaint] = OrderedDict()
        self._addresses: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record. Crashes are always written, because they may be the last record."""
        is_complaint = logging.WARNING <= record.levelno < logging.CRITICAL
        if not is_complaint or (isinstance(record.msg, dict) and "repeated" in record.msg):
            return True
        self.log_counts()
        with self._lock:
            return self._is_new(record)

    def log_counts(self) -> None:
        """Log the counts of complaints whose window is over."""
        with self._lock:
            over = []
            while self._logged and next(iter(self._logged.values())).since <= self._clock() - WINDOW_SECONDS:
                over.append(self._forget_oldest())
        for each in over:
            _log_count(each)

    def _is_new(self, record: logging.LogRecord) -> bool:
        message, about = _subject(record)
        source = (record.name, message)
        if about is not None and self._addresses[source] >= MOST_ADDRESSES and (*source, about) not in self._logged:
            about = "(others)"
        known = self._logged.get((*source, about))
        if known is not None:
            known.repeated += 1
            return False
        if len(self._logged) >= MOST_KEPT:
            self._forget_oldest()
        self._logged[*source, about] = Complaint(
            record.name, record.levelno, message, about, *_words(record), since=self._clock()
        )
        self._addresses[source] += 1
        with suppress(RuntimeError):  # without an event loop, the next record logs the counts
            asyncio.get_running_loop().call_later(WINDOW_SECONDS, self.log_counts)
        return True

    def _forget_oldest(self) -> Complaint:
        _, oldest = self._logged.popitem(last=False)
        source = (oldest.logger, oldest.message)
        self._addresses[source] -= 1
        if not self._addresses[source]:
            del self._addresses[source]
        return oldest


def _subject(record: logging.LogRecord) -> tuple[str, str | None]:
    """The message of a record, and the address it is about, if any."""
    if isinstance(record.msg, dict):
        values = {name: value for name, value in record.msg.items() if name not in ("timestamp", "exc_info")}
        return shortened(str(values)), None
    first = record.args[0] if isinstance(record.args, tuple) and record.args else None
    # asyncio's messages about exceptions contain objects from the second line on.
    return shortened(str(record.msg).partition("\n")[0]), None if first is None else str(first)[:64]


def _words(record: logging.LogRecord) -> tuple[str, Mapping[str, Any]]:
    """What the count of a record's repetitions says, and with which values: texts, cut, numbers and truth values."""
    if isinstance(record.msg, dict):
        given = [(name, value) for name, value in record.msg.items() if name not in _OF_THE_LINE]
        kept = {
            name: value[:LONGEST_KEPT] if isinstance(value, str) else value
            for name, value in given[:MOST_ITEMS]
            if isinstance(value, str | int | float)
        }
        return shortened(str(record.msg.get("event"))), kept
    # Repetitions with other values are counted together.
    return _PLACEHOLDER.sub("…", shortened(str(record.msg).partition("\n")[0])), {}


def _log_count(complaint: Complaint) -> None:
    if complaint.repeated:
        about = {} if complaint.about is None else {"about": complaint.about}
        values = {**complaint.values, **about, "repeated": complaint.repeated, "seconds": WINDOW_SECONDS}
        structlog.stdlib.get_logger(complaint.logger).log(complaint.level, complaint.event, **values)


def bounded(logger: WrappedLogger | None, method: str, event: EventDict) -> EventDict:
    """Truncate long values, at any depth."""
    return {shortened(str(name)): _bounded(value) for name, value in event.items()}


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return shortened(value)
    if isinstance(value, bytes | bytearray):
        return shortened(repr(value[:LONGEST_TEXT]))
    if isinstance(value, Mapping):
        return {shortened(str(name)): _bounded(value[name]) for name in list(value)[:MOST_ITEMS]}
    if isinstance(value, list | tuple | set | frozenset):
        return [_bounded(item) for item in list(value)[:MOST_ITEMS]]
    return value


def shortened(text: str) -> str:
    """Cut out the middle of a long text: the end of a traceback matters as much as its beginning."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]} … {len(text):,} characters … {text[-half:]}"


@dataclass(slots=True)
class Fault:
    """A recent internal error."""

    since: float
    reference: str = ""
    logged: int = 0
    suppressed: int = 0


class Faults:
    """Assigns references to internal errors, under which the log has their causes.

    An error that occurs more than `most` times in a window keeps its last reference, and is not logged until the window
    is over.
    """

    def __init__(self, most: int = 20, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._known: OrderedDict[str, Fault] = OrderedDict()

    def record(self, cause: str) -> tuple[str, int | None]:
        """Count an error. Returns its reference, and how many were suppressed before it, or None if it is too."""
        now = self._clock()
        fault = self._known.get(cause)
        if fault is None or now - fault.since >= WINDOW_SECONDS:
            suppressed = 0 if fault is None else fault.suppressed
            fault = self._known[cause] = Fault(now, suppressed=suppressed)
            self._known.move_to_end(cause)
            if len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
        if fault.logged >= self._most:
            fault.suppressed += 1
            return fault.reference, None
        fault.logged += 1
        fault.reference = secrets.token_hex(5)
        suppressed, fault.suppressed = fault.suppressed, 0
        return fault.reference, suppressed
