"""The metrics of one process, collected only if they are turned on.

The code increments plain numbers; samples are put together when they are read.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import accumulate
from time import perf_counter
from typing import Any

import psutil

from gateway.broker.protocol import Broker
from gateway.data.pipeline import Pipelines
from gateway.data.pool import Pool
from gateway.errors import ParleyError
from gateway.execution import Engine
from gateway.execution.complete import Answer
from gateway.execution.operation import Operation
from gateway.execution.prepare.request import OperationRequest, RequestErrors
from gateway.feed.hub import Hub
from gateway.http.seats.admission import Admission
from gateway.http.seats.registry import SocketRegistry
from gateway.live.counts import Counts
from gateway.live.live import Live
from gateway.telemetry.histogram import BOUNDS, Histogram
from gateway.work.counts import WorkCounts

Sample = tuple[str, str, Mapping[str, str], float]
"""The name of a metric family, the suffix of the sample's name, its labels and its value."""

BREADTH_FIRST = "breadth_first"

MOST_NAMES = 50
"""Limit on operation names, which clients choose. The most frequent have their own sample; the rest share one."""
REST = "(other)"

_BUILD = {"version": version("parley"), "python": platform.python_version()}


@dataclass(slots=True)
class OperationCounts:
    """The operation counters of one process, which start at zero."""

    running: int = 0
    prepared: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    durations: dict[str, Histogram] = field(default_factory=lambda: {"query": Histogram(), "mutation": Histogram()})
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Outcomes of queries and mutations, by kind."""

    def answered(self, kind: str, answer: Answer) -> None:
        """Count an answer and its errors."""
        self.outcomes[kind, "errors" if answer.errors else "ok"] += 1
        for error in answer.errors:
            self.errors[error["extensions"]["code"]] += 1


class MeasuredEngine(Engine):
    """An engine that counts operations. A separate class, so that the plain engine has no overhead."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.meter = OperationCounts()

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
            meter.outcomes[operation.kind, "errors"] += 1
            raise
        finally:
            meter.running -= 1
            meter.durations[operation.kind].add(perf_counter() - began)
        meter.answered(operation.kind, answer)
        return answer


@dataclass(frozen=True, slots=True)
class Instruments:
    """The sources of one process's metrics."""

    engine: Engine
    pool: Pool
    pipelines: Pipelines | None
    hub: Hub
    live: Live
    broker: Broker
    sockets: SocketRegistry
    admission: Admission
    refused: Mapping[int, int]
    """Requests that were refused before they reached the engine, by HTTP status."""
    lags: Histogram
    """Lag of the event loop."""
    work: WorkCounts

    def samples(self) -> list[Sample]:
        """All samples with their present values."""
        samples: list[Sample] = [
            ("parley_worker_up", "", {}, 1),
            ("parley_build_info", "", _BUILD, 1),
            *_of_process(psutil.Process()),
            ("parley_sockets_open", "", {}, len(self.sockets)),
            *_each("parley_sockets_refused", "cap", self.admission.refused),
            *_each("parley_requests_refused", "status", self.refused),
            ("parley_feeds_followed", "", {}, len(self.hub)),
            ("parley_feed_lag_seconds", "", {}, self.hub.lag_seconds),
            *_of_live(self.live.counts),
            *_of_broker(self.broker),
            *_of_pool(self.pool),
            *_of_pipelines(self.pipelines),
            *_of_ways(self.engine.ways),
            *_of_histogram("parley_event_loop_lag_seconds", {}, self.lags),
            *_of_work(self.work),
        ]
        if isinstance(self.engine, MeasuredEngine):
            samples += _of_meter(self.engine, self.engine.meter, self.live.counts)
        return samples


def samples_of_work(counts: WorkCounts) -> list[Sample]:
    """All samples of a process that serves nothing."""
    up: Sample = ("parley_worker_up", "", {}, 1)
    return [up, ("parley_build_info", "", _BUILD, 1), *_of_process(psutil.Process()), *_of_work(counts)]


def _of_work(counts: WorkCounts) -> Iterator[Sample]:
    for outcome in ("done", "retried", "failed"):
        for name, number in getattr(counts, outcome).items():
            yield "parley_jobs_ended", "_total", {"kind": name, "outcome": outcome}, number
    for name, running in counts.running.items():
        yield "parley_jobs_running", "", {"kind": name}, running
    for name, durations in counts.durations.items():
        yield from _of_histogram("parley_job_duration_seconds", {"kind": name}, durations)
    for name, waiting in counts.waiting.items():
        yield "parley_jobs_queued", "", {"kind": name}, waiting.queued
        yield "parley_jobs_failed", "", {"kind": name}, waiting.failed
        yield "parley_job_oldest_seconds", "", {"kind": name}, waiting.oldest_seconds


def _of_process(process: psutil.Process) -> Iterator[Sample]:
    """Process metrics, named as in Prometheus's client libraries, so that ready-made dashboards work."""
    with process.oneshot():
        used, memory = process.cpu_times(), process.memory_info()
        yield "process_cpu_seconds", "_total", {}, used.user + used.system
        yield "process_resident_memory_bytes", "", {}, memory.rss
        yield "process_virtual_memory_bytes", "", {}, memory.vms
        yield "process_start_time_seconds", "", {}, process.create_time()
        if hasattr(process, "num_fds"):  # Windows has no file descriptors
            yield "process_open_fds", "", {}, process.num_fds()


def _each(name: str, label: str, counts: Mapping[Any, int]) -> Iterator[Sample]:
    for key, count in counts.items():
        yield name, "_total", {label: str(key)}, count


def _of_pipelines(pipelines: Pipelines | None) -> Iterator[Sample]:
    for kind in Pipelines._fields:
        pipeline = getattr(pipelines, kind, None)
        yield "parley_pipelines", "_total", {"kind": kind}, pipeline.transactions if pipeline else 0
        yield "parley_pipeline_statements", "_total", {"kind": kind}, pipeline.statements if pipeline else 0


def _of_pool(pool: Pool) -> Iterator[Sample]:
    counts = pool.counts()
    yield "parley_pool_connections", "", {"state": "idle"}, counts.idle
    yield "parley_pool_connections", "", {"state": "busy"}, counts.busy
    yield "parley_pool_connections_allowed", "", {}, counts.size
    yield "parley_pool_waiting", "", {}, counts.waiting
    yield from _of_histogram("parley_pool_wait_seconds", {}, pool.waits)


def _of_broker(broker: Broker) -> Iterator[Sample]:
    yield "parley_hints", "_total", {"direction": "sent"}, broker.hints_sent
    yield "parley_hints", "_total", {"direction": "received"}, broker.hints_received
    yield "parley_signals_sent", "_total", {}, broker.signals_sent
    yield "parley_broker_dropped", "_total", {}, broker.dropped
    yield "parley_broker_reconnects", "_total", {}, broker.reconnects


def _of_live(counts: Counts) -> Iterator[Sample]:
    for name, running in by_name(counts.running).items():
        yield "parley_subscriptions_running", "", {"operation": name}, running
    yield "parley_subscription_groups", "", {}, counts.groups
    yield "parley_subscription_drops", "_total", {}, counts.drops
    yield "parley_resyncs", "_total", {}, counts.resyncs
    yield "parley_events_sent", "_total", {}, counts.deliveries
    yield "parley_event_runs", "_total", {}, counts.executions
    yield from _of_histogram("parley_delivery_latency_seconds", {}, counts.latencies)


def by_name(running: Counter[str]) -> dict[str, int]:
    """Running subscriptions by operation name, for up to `MOST_NAMES` names. All others share one entry."""
    named = {"": 0, **dict(running.most_common(MOST_NAMES))}
    rest = running.total() - sum(named.values())
    return {**named, REST: rest} if rest else named


def _of_meter(engine: Engine, meter: OperationCounts, live: Counts) -> Iterator[Sample]:
    misses = engine.documents.misses
    yield "parley_operations_running", "", {}, meter.running
    yield "parley_documents", "_total", {"cache": "hit"}, meter.prepared - misses
    yield "parley_documents", "_total", {"cache": "miss"}, misses
    yield from _each("parley_errors", "code", meter.errors + live.errors)
    for (kind, outcome), count in meter.outcomes.items():
        yield "parley_operations_answered", "_total", {"kind": kind, "outcome": outcome}, count
    for kind, durations in meter.durations.items():
        yield from _of_histogram("parley_operation_duration_seconds", {"kind": kind}, durations)


def _of_histogram(name: str, labels: Mapping[str, str], histogram: Histogram) -> Iterator[Sample]:
    counts = list(accumulate(histogram.buckets))
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), counts, strict=True):
        yield name, "_bucket", {**labels, "le": bound}, count
    yield name, "_sum", labels, histogram.seconds
    yield name, "_count", labels, counts[-1]


def _of_ways(ways: Counter[tuple[str, str]]) -> Iterator[Sample]:
    for (kind, reason), count in ways.items():
        way, why = (BREADTH_FIRST, "") if reason == BREADTH_FIRST else ("depth_first", reason)
        yield "parley_operations", "_total", {"kind": kind, "way": way, "reason": why}, count
