"""Leases of tool executions: a worker renews the lease of what it runs, or another one runs it."""

from __future__ import annotations

import strawberry

from gateway import Info, id_of, input_type, mutation, sql
from resolvers.tools.execution import ToolExecution
from resolvers.tools.move import refused, require_attempt


@input_type
class RenewToolExecutionInput:
    """The running execution whose lease to renew."""

    id: strawberry.ID
    """The id of the execution, a UUID."""
    attempt: int | None = None
    """The `attempt` that the start returned. If another one runs by now, nothing is renewed. Required if the worker has
    a name; otherwise defaults to the current one."""


@mutation(scope="tools:execute")
async def renew_tool_execution(info: Info, input: RenewToolExecutionInput) -> ToolExecution:
    """Renew the lease of a running execution for its whole length. No field but `leaseUntil` changes.

    Renew it whenever a quarter of it has passed: every 30 seconds for a lease of two minutes. If it expires, the
    execution is given back or fails (see `startToolExecution`), and later reports about the attempt are refused with a
    conflict.
    """
    id = id_of(input.id)
    async with info.context.autocommit() as db:
        running = await db.maybe(ToolExecution, sql.tools.execution.renew, id=id, attempt=input.attempt)
        if running is not None:
            return running
        current = await db.get(ToolExecution, id)
    require_attempt(current, input.attempt, is_needed=True)
    raise await refused(info.context, id, current, "renewed")
