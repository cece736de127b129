"""The outer edge: an operation goes in, an answer comes out, and nothing that went wrong gets past."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.auth.identity import Identity
from gateway.execution import Engine
from gateway.execution.complete import Answer, failed
from gateway.execution.operation import Operation
from gateway.http.answer import JSON, respond
from gateway.http.ports import Client, Contexts, Opened


@dataclass(frozen=True, slots=True)
class Edge:
    """Runs operations in contexts of their own."""

    engine: Engine
    contexts: Contexts

    async def answer(self, operation: Operation, identity: Identity | None, client: Client) -> Answer:
        """Run a query or a mutation."""
        try:
            context = self.contexts.open(identity, operation, client)
            try:
                return await self.engine.run(operation, context)
            finally:
                await context.release()
        except Exception as error:  # noqa: BLE001 - the outer edge
            return failed(error, operation.name)

    def answers(
        self, operation: Operation, identity: Callable[[], Identity | None], client: Client
    ) -> AsyncGenerator[Answer, None]:
        """Run a subscription. The identity is asked for at each event: it changes when a token is renewed."""
        return self.engine.subscribe(operation, lambda: _releasing(self.contexts.open(identity(), operation, client)))


@asynccontextmanager
async def _releasing(context: Opened) -> AsyncIterator[Opened]:
    try:
        yield context
    finally:
        await context.release()


@web.middleware
async def catch_all(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what the transport itself could not cope with like any other failure of ours."""
    try:
        return await handler(request)
    except (web.HTTPException, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - the outer edge
        return respond(failed(error), JSON).response()
