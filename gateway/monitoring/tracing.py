"""OpenTelemetry traces of operations and their statements, if they are turned on.

The standard variables `OTEL_*` configure the exporter, sampling and the service name. A span contains names, counts and
the texts of Parley's statements, whose values are parameters. It contains no documents, variables or tokens, and
nothing that people wrote. OpenTelemetry is imported only if traces are on.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from asyncpg.connection import LoggedQuery

from gateway.errors import Overloaded, ParleyError, TimedOut, Unavailable
from gateway.execution.complete import INTERNAL, Answer
from gateway.execution.operation import Operation
from gateway.execution.subscribe import Ran
from gateway.monitoring.metrics import MeasuredEngine
from gateway.refusal import Refusal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

    from gateway.context import Context

NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")

OUR_FAULT = frozenset({INTERNAL, Overloaded.code, TimedOut.code, Unavailable.code})
"""Error codes that mark a span as failed. Other errors are regular answers."""

_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(?:parley\.)?([a-z_]+)")
_VERB = re.compile(r"(?:\s|--[^\n]*\n)*(\w+)")
_SECOND = 1_000_000_000


def require_tracing() -> None:
    """Raise a `Refusal` unless OpenTelemetry is installed."""
    try:
        is_installed = all(find_spec(name) for name in NEEDED)
    except ModuleNotFoundError:  # a parent package is missing
        is_installed = False
    if not is_installed:
        raise Refusal("PARLEY_TRACES needs OpenTelemetry, which is not installed: pip install 'parley[otel]'.")


@asynccontextmanager
async def tracing() -> AsyncIterator[Tracing]:
    """Export traces by OTLP over HTTP for the duration of the block, and flush them at its end.

    Raises a `Refusal` if OpenTelemetry is not installed.
    """
    require_tracing()
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield Tracing(provider)
    finally:
        # In a thread, because it blocks if the collector is unavailable.
        await asyncio.to_thread(provider.shutdown)


def _resource() -> Any:
    """The resource attributes from the environment, with Parley's own as defaults."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = {"service.name": "parley", "service.instance.id": str(uuid.uuid4())}
    return Resource.create(Resource(ours).merge(OTELResourceDetector().detect()).attributes)


class Tracing:
    """Creates the spans of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import propagate, trace

        self._tracer = provider.get_tracer("parley")
        self._propagate = propagate
        self._trace = trace

    @contextmanager
    def operation(self, operation: Operation, carrier: Sequence[tuple[str, str]] = ()) -> Iterator[Span]:
        """The span of a query or a mutation, as a child of the one in the request's headers."""
        with self._tracer.start_as_current_span(
            operation.kind,
            context=self._propagate.extract(dict(carrier)),
            kind=self._trace.SpanKind.SERVER,
            attributes=_attributes(operation),
            # Exception messages may contain what people wrote.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    @contextmanager
    def events(self, operation: Operation, count: int) -> Iterator[Span]:
        """The span of one run of a subscription on a batch of events, shared by all its subscribers."""
        with self._tracer.start_as_current_span(
            operation.kind,
            context=self._propagate.extract({}),
            kind=self._trace.SpanKind.CONSUMER,
            attributes={**_attributes(operation), "messaging.batch.message_count": count},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    def answered(self, span: Span, codes: Sequence[str]) -> None:
        """Record the error codes of an answer."""
        if codes:
            span.set_attribute("error.type", codes[0])
        if not OUR_FAULT.isdisjoint(codes):
            span.set_status(self._trace.StatusCode.ERROR)

    def statement(self, logged: LoggedQuery) -> None:
        """Record the span of a finished statement. The driver calls this in the context of the sender."""
        ended = time.time_ns()
        operation, table = summary(logged.query)
        span = self._tracer.start_span(
            f"{operation} {table}".strip(),
            kind=self._trace.SpanKind.CLIENT,
            start_time=ended - int(logged.elapsed * _SECOND),
            attributes={
                "db.system.name": "postgresql",
                "db.operation.name": operation,
                "db.query.text": logged.query,
                **({"db.collection.name": table} if table else {}),
            },
        )
        if logged.exception is not None:
            code = getattr(logged.exception, "sqlstate", None)
            span.set_attribute("error.type", code or type(logged.exception).__name__)
            span.set_status(self._trace.StatusCode.ERROR)
        span.end(ended)


class TracedEngine(MeasuredEngine):
    """An engine that counts and traces operations."""

    def __init__(self, *arguments: Any, tracing: Tracing, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._tracing = tracing

    async def run(self, operation: Operation, context: object) -> Answer:
        with self._tracing.operation(operation, cast("Context", context).client.trace) as span:
            try:
                answer = await super().run(operation, context)
            except ParleyError as ended:
                self._tracing.answered(span, [ended.code])
                raise
            self._tracing.answered(span, _codes([answer]))
            return answer

    async def run_events(self, operation: Operation, context: object, events: Sequence[object]) -> Ran:
        with self._tracing.events(operation, len(events)) as span:
            ran = await super().run_events(operation, context, events)
            self._tracing.answered(span, _codes(ran.answers))
            return ran


@lru_cache(maxsize=1024)
def summary(statement: str) -> tuple[str, str]:
    """The verb and the table of a statement. The table is empty if there is none."""
    table = _TABLE.search(statement)
    verb = _VERB.match(statement)
    return verb[1].upper() if verb else "", table[1] if table else ""


def _attributes(operation: Operation) -> Mapping[str, str]:
    named = {"graphql.operation.name": operation.name} if operation.name else {}
    return {"graphql.operation.type": operation.kind, **named}


def _codes(answers: Sequence[Answer]) -> list[str]:
    return [error["extensions"]["code"] for answer in answers for error in answer.errors]
