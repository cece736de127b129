"""The outer edge: an operation goes in, an answer comes out, and nothing that went wrong gets past."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.auth.identity import Identity
from gateway.execution import Engine
from gateway.execution.complete import Answer, failed
from gateway.execution.operation import Operation
from gateway.http.answer import JSON, respond
from gateway.http.ports import Client, Contexts
from gateway.live.live import Live


@dataclass(frozen=True, slots=True)
class Edge:
    """Runs operations in contexts of their own."""

    engine: Engine
    contexts: Contexts
    live: Live
    """Runs the subscriptions."""

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


@web.middleware
async def catch_all(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what the transport itself could not cope with like any other failure of ours."""
    try:
        return await handler(request)
    except (web.HTTPException, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - the outer edge
        return respond(failed(error), JSON).response()
