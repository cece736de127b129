"""A subscription run for one client alone, without what shares it with others."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway.execution import Engine
from gateway.execution.complete import Answer, failed
from gateway.execution.operation import Operation
from gateway.execution.subscribe import ContextFactory, respond


async def subscribe(engine: Engine, operation: Operation, contexts: ContextFactory) -> AsyncGenerator[Answer, None]:
    """An answer per event. One without data is the last, and says why it ended."""
    try:
        async with (
            contexts() as context,
            engine.source(operation, context) as source,
            aclosing(respond(operation, source, contexts, engine.run_events)) as answers,
        ):
            async for answer in answers:
                yield answer
    except Exception as error:  # noqa: BLE001 - the boundary of a subscription's source
        yield failed(error, operation.name)
