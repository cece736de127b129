"""The outer edge of the engine: an operation goes in, an answer comes out, and no exception escapes."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.errors import Overloaded
from gateway.execution import Engine
from gateway.execution.complete import Answer, failed
from gateway.execution.contexts import Contexts
from gateway.execution.operation import Operation
from gateway.fairness.caller_counts import CallerCounts
from gateway.http.answer import JSON, respond
from gateway.live.live import Live


@dataclass(frozen=True, slots=True)
class Edge:
    """Runs each operation in its own context."""

    engine: Engine
    contexts: Contexts
    live: Live
    """Runs the subscriptions."""
    max_operations_per_user: int = 100
    _running: CallerCounts = field(default_factory=CallerCounts)
    """Running queries and mutations, by user."""

    async def answer(self, operation: Operation, identity: Identity | None, client: Client) -> Answer:
        """Run a query or a mutation. Refuses it if too many of the user's are already running."""
        user = None if identity is None else identity.user_id
        running = self._running[user]
        if running.count >= self.max_operations_per_user and user is not None:
            return failed(self._too_many(), operation.name)
        running.count += 1
        try:
            context = self.contexts.open(identity, operation, client)
            try:
                answer = await self.engine.run(operation, context)
            finally:
                await context.release()
            if answer.held is not None:
                await self.engine.write(answer, user)
            return answer
        except Exception as error:  # noqa: BLE001 - the outer edge
            return failed(error, operation.name)
        finally:
            running.count -= 1

    def _too_many(self) -> Overloaded:
        most = self.max_operations_per_user
        return Overloaded(f"{most} of your operations are already running. Wait until one has finished.", retryAfter=1)


@web.middleware
async def catch_all(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an unexpected error of the transport like any other internal error."""
    try:
        return await handler(request)
    except (web.HTTPException, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - the outer edge
        return respond(failed(error), JSON).response()
