"""What one process counts of its work, for an operator's graphs. Counted only where metrics are asked for.

The work itself adds to plain numbers; what they come to is put together when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import accumulate
from time import perf_counter
from typing import Any

from gateway.data.pool import Pool
from gateway.errors import ParleyError
from gateway.execution import Engine
from gateway.execution.complete import Answer
from gateway.execution.operation import Operation, OperationRequest, RequestErrors
from gateway.execution.subscribe import ContextFactory
from gateway.feed.hub import Hub
from gateway.http.registry import SocketRegistry

Sample = tuple[str, str, Mapping[str, str], float]
"""A family of metrics, what its name ends with for this number, the labels, and the number."""

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
"""Seconds; each bucket of durations ends at one of them, and the last does not end."""

BREADTH_FIRST = "breadth_first"


@dataclass(slots=True)
class Durations:
    """How long operations took."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


@dataclass(slots=True)
class Meter:
    """The numbers of one process. They begin at zero with it."""

    running: int = 0
    subscriptions: int = 0
    events: int = 0
    prepared: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    durations: dict[str, Durations] = field(default_factory=lambda: {"query": Durations(), "mutation": Durations()})

    def answered(self, answer: Answer) -> None:
        """Count the errors of an answer."""
        for error in answer.errors:
            self.errors[error["extensions"]["code"]] += 1


class MeasuredEngine(Engine):
    """An engine that counts. It is a class of its own so that one that is not asked to count does no more for it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.meter = Meter()

    def prepare(self, request: OperationRequest) -> Operation:
        self.meter.prepared += 1
        try:
            return super().prepare(request)
        except RequestErrors as refused:
            self.meter.errors[refused.code] += len(refused.errors)
            raise

    async def run(self, operation: Operation, context: object) -> Answer:
        meter, began = self.meter, perf_counter()
        meter.running += 1
        try:
            answer = await super().run(operation, context)
        except ParleyError as ended:
            meter.errors[ended.code] += 1
            raise
        finally:
            meter.running -= 1
            meter.durations[operation.kind].add(perf_counter() - began)
        meter.answered(answer)
        return answer

    async def subscribe(self, operation: Operation, contexts: ContextFactory) -> AsyncGenerator[Answer, None]:
        meter = self.meter
        meter.subscriptions += 1
        try:
            async with aclosing(super().subscribe(operation, contexts)) as answers:
                async for answer in answers:
                    meter.events += answer.has_data
                    meter.answered(answer)
                    yield answer
        finally:
            meter.subscriptions -= 1


@dataclass(frozen=True, slots=True)
class Instruments:
    """Where the numbers of one process are read."""

    engine: Engine
    pool: Pool
    hub: Hub
    sockets: SocketRegistry

    def samples(self) -> list[Sample]:
        """All numbers as they are now."""
        found: list[Sample] = [
            ("parley_worker_up", "", {}, 1),
            ("parley_sockets_open", "", {}, len(self.sockets)),
            ("parley_feeds_followed", "", {}, len(self.hub)),
            *_of_pool(self.pool),
            *_of_ways(self.engine.ways),
        ]
        if isinstance(self.engine, MeasuredEngine):
            found += _of_meter(self.engine.meter, self.engine.documents.misses)
        return found


def _of_pool(pool: Pool) -> Iterator[Sample]:
    counts = pool.counts()
    yield "parley_pool_connections", "", {"state": "idle"}, counts.idle
    yield "parley_pool_connections", "", {"state": "busy"}, counts.busy
    yield "parley_pool_connections_allowed", "", {}, counts.size
    yield "parley_pool_waiting", "", {}, counts.waiting


def _of_meter(meter: Meter, misses: int) -> Iterator[Sample]:
    yield "parley_operations_running", "", {}, meter.running
    yield "parley_subscriptions_running", "", {}, meter.subscriptions
    yield "parley_events_sent", "_total", {}, meter.events
    yield "parley_documents", "_total", {"cache": "hit"}, meter.prepared - misses
    yield "parley_documents", "_total", {"cache": "miss"}, misses
    for code, count in meter.errors.items():
        yield "parley_errors", "_total", {"code": code}, count
    for kind, durations in meter.durations.items():
        yield from _of_durations(kind, durations)


def _of_durations(kind: str, durations: Durations) -> Iterator[Sample]:
    name, counts = "parley_operation_duration_seconds", list(accumulate(durations.buckets))
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
        yield name, "_bucket", {"kind": kind, "le": bound}, count
    yield name, "_sum", {"kind": kind}, durations.seconds
    yield name, "_count", {"kind": kind}, counts[-1]


def _of_ways(ways: Counter[tuple[str, str]]) -> Iterator[Sample]:
    for (kind, reason), count in ways.items():
        way, why = (BREADTH_FIRST, "") if reason == BREADTH_FIRST else ("depth_first", reason)
        yield "parley_operations", "_total", {"kind": kind, "way": way, "reason": why}, count
