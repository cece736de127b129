"""Keeps the log small, whoever asks for what: bounded lines, and the same complaint told once with a count afterwards.

Much of what is logged is about what a stranger sent, and some of it by libraries that quote it. A complaint is the same
if it has the same values, or comes from the same place in a library and is about the same address.
"""

from __future__ import annotations

import asyncio
import logging
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
"""A complaint that was told is only counted for so long."""

MOST_KEPT = 1_000
"""Complaints that are remembered."""

MOST_ADDRESSES = 20
"""Addresses that one complaint is told of, in one window. All others are one."""

LONGEST_TEXT = 4_000
MOST_ITEMS = 100


@dataclass(slots=True)
class Complaint:
    """One that was told and is counted now."""

    logger: str
    level: int
    said: str
    about: str | None
    since: float
    repeated: int = 0


class Repeats(logging.Filter):
    """Lets warnings and errors pass that were not told lately, and tells later how often the others came."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: OrderedDict[Hashable, Complaint] = OrderedDict()
        self._addresses: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written. A crash always is: it may be the last."""
        is_complaint = logging.WARNING <= record.levelno < logging.CRITICAL
        if not is_complaint or (isinstance(record.msg, dict) and "repeated" in record.msg):
            return True
        self.tell_counts()
        with self._lock:
            return self._is_new(record)

    def tell_counts(self) -> None:
        """Tell how often those came whose window is over."""
        with self._lock:
            over = []
            while self._told and next(iter(self._told.values())).since <= self._clock() - WINDOW_SECONDS:
                over.append(self._forget_oldest())
        for each in over:
            _tell_count(each)

    def _is_new(self, record: logging.LogRecord) -> bool:
        said, about = _subject(record)
        source = (record.name, said)
        if about is not None and self._addresses[source] >= MOST_ADDRESSES and (*source, about) not in self._told:
            about = "(others)"
        known = self._told.get((*source, about))
        if known is not None:
            known.repeated += 1
            return False
        if len(self._told) >= MOST_KEPT:
            self._forget_oldest()
        self._told[*source, about] = Complaint(record.name, record.levelno, said, about, self._clock())
        self._addresses[source] += 1
        with suppress(RuntimeError):  # there is no event loop here: the next record tells
            asyncio.get_running_loop().call_later(WINDOW_SECONDS, self.tell_counts)
        return True

    def _forget_oldest(self) -> Complaint:
        _, oldest = self._told.popitem(last=False)
        source = (oldest.logger, oldest.said)
        self._addresses[source] -= 1
        if not self._addresses[source]:
            del self._addresses[source]
        return oldest


def _subject(record: logging.LogRecord) -> tuple[str, str | None]:
    """What a record says, and whom it is about."""
    if isinstance(record.msg, dict):
        values = {name: value for name, value in record.msg.items() if name not in ("timestamp", "exc_info")}
        return shortened(str(values)), None
    first = record.args[0] if isinstance(record.args, tuple) and record.args else None
    # What asyncio says of an exception has the objects in it from the second line on.
    return shortened(str(record.msg).partition("\n")[0]), None if first is None else str(first)[:64]


def _tell_count(complaint: Complaint) -> None:
    if complaint.repeated:
        about = {} if complaint.about is None else {"about": complaint.about}
        logger = structlog.stdlib.get_logger(complaint.logger)
        logger.log(complaint.level, complaint.said, repeated=complaint.repeated, seconds=WINDOW_SECONDS, **about)


def bounded(logger: WrappedLogger | None, method: str, event: EventDict) -> EventDict:
    """Cut what is too long, at any depth."""
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
    """A text with its middle left out if it is long: the end of a traceback matters as much as its beginning."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]} … {len(text):,} characters … {text[-half:]}"


@dataclass(slots=True)
class Fault:
    """A fault of ours that came lately."""

    since: float
    reference: str = ""
    told: int = 0
    untold: int = 0


class Faults:
    """Gives faults the references under which the log has their causes.

    One that comes more than `most` times in a window keeps its last reference, and is not told until that is over.
    """

    def __init__(self, most: int = 20, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._known: OrderedDict[str, Fault] = OrderedDict()

    def come(self, cause: str) -> tuple[str, int | None]:
        """The reference of a fault, and how often it was not told since it was; None if it is not to be told now."""
        now = self._clock()
        fault = self._known.get(cause)
        if fault is None or now - fault.since >= WINDOW_SECONDS:
            untold = 0 if fault is None else fault.untold
            fault = self._known[cause] = Fault(now, untold=untold)
            self._known.move_to_end(cause)
            if len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)
        if fault.told >= self._most:
            fault.untold += 1
            return fault.reference, None
        fault.told += 1
        fault.reference = secrets.token_hex(5)
        untold, fault.untold = fault.untold, 0
        return fault.reference, untold
