"""Traces by OpenTelemetry, for whoever asks for them: what an operation did, and which statements took how long.

Where they go, how many are kept and what the service is called is said by the standard variables `OTEL_*`. A span holds
names, counts and the texts of our statements, whose values are parameters; it holds no document, no variable, no token
and nothing that a person wrote. Nothing of OpenTelemetry is imported before traces are asked for.
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
"""Codes of errors that mark a span as failed. The others are an answer like any other."""

_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(?:parley\.)?([a-z_]+)")
_VERB = re.compile(r"(?:\s|--[^\n]*\n)*(\w+)")
_SECOND = 1_000_000_000


def require_tracing() -> None:
    """Raise a `Refusal` unless traces can be made."""
    try:
        found = all(find_spec(name) for name in NEEDED)
    except ModuleNotFoundError:  # of a package above it
        found = False
    if not found:
        raise Refusal("PARLEY_TRACES needs OpenTelemetry, which is not installed: pip install 'parley[otel]'.")


@asynccontextmanager
async def tracing() -> AsyncIterator[Tracing]:
    """Traces, sent by OTLP over HTTP, for as long as the block runs; at its end, what waits is sent.

    Raises a `Refusal` when OpenTelemetry is not installed.
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
        # It waits for a collector that may be away.
        await asyncio.to_thread(provider.shutdown)


def _resource() -> Any:
    """What the variables say that we are, and for the rest what we are."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = {"service.name": "parley", "service.instance.id": str(uuid.uuid4())}
    return Resource.create(Resource(ours).merge(OTELResourceDetector().detect()).attributes)


class Tracing:
    """Makes the spans of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry import propagate, trace

        self._tracer = provider.get_tracer("parley")
        self._propagate = propagate
        self._trace = trace

    @contextmanager
    def operation(self, operation: Operation, carrier: Sequence[tuple[str, str]] = ()) -> Iterator[Span]:
        """The span of a query or a mutation, below the one that the headers of its request name."""
        with self._tracer.start_as_current_span(
            operation.kind,
            context=self._propagate.extract(dict(carrier)),
            kind=self._trace.SpanKind.SERVER,
            attributes=_attributes(operation),
            # Its text may hold what people wrote.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span

    @contextmanager
    def events(self, operation: Operation, count: int) -> Iterator[Span]:
        """The span of a subscription's run on some events, for everybody who gets them."""
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
        """Note the codes of the errors of an answer."""
        if codes:
            span.set_attribute("error.type", codes[0])
        if not OUR_FAULT.isdisjoint(codes):
            span.set_status(self._trace.StatusCode.ERROR)

    def statement(self, logged: LoggedQuery) -> None:
        """The span of a statement that has ended; the driver calls this in the context of who sent it."""
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
    """An engine that counts and leaves traces."""

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
    """What a statement does, and to which table; no table where it names none."""
    table = _TABLE.search(statement)
    verb = _VERB.match(statement)
    return verb[1].upper() if verb else "", table[1] if table else ""


def _attributes(operation: Operation) -> Mapping[str, str]:
    named = {"graphql.operation.name": operation.name} if operation.name else {}
    return {"graphql.operation.type": operation.kind, **named}


def _codes(answers: Sequence[Answer]) -> list[str]:
    return [error["extensions"]["code"] for answer in answers for error in answer.errors]
