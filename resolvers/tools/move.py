"""The moves of a tool execution: approval, start, completion, failure, cancellation.

The database makes each change of status. If two devices decide at the same time, only the first decision counts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import strawberry

from gateway import (
    JSON,
    BigInt,
    Conflict,
    Context,
    Info,
    Invalid,
    NotFound,
    id_of,
    input_type,
    mutation,
    require_version,
    sql,
)
from resolvers.tools.execution import ToolExecution, ToolStatus


@input_type
class ToolMove:
    """The input of every move of the state machine."""

    id: strawberry.ID
    """The id of the execution, a UUID."""
    reason: str | None = None
    """The reason, recorded in `transitions`. Up to 2,000 characters."""
    expected_version: BigInt | None = None
    """The `version` that the execution must have; otherwise nothing changes. Defaults to any version."""


@input_type
class ApproveToolExecutionInput(ToolMove):
    """The pending execution to approve."""


@input_type
class StartToolExecutionInput(ToolMove):
    """The approved execution to start, and who runs it for how long."""

    worker: str | None = None
    """A name of the worker, up to 100 characters. If its lease expires, another worker can start the execution again,
    up to three times in all. Without a name, the execution then fails."""
    lease_seconds: int | None = None
    """For how many seconds the execution may run without a renewal, from 5 to 3,600. Defaults to a setting of the
    server, usually 120."""


@input_type
class AttemptMove(ToolMove):
    """The input of a move that ends an attempt."""

    attempt: int | None = None
    """The `attempt` that the start returned. If another one runs by now, nothing changes. Required to complete or fail
    what a named worker runs; otherwise defaults to the current one."""


@input_type
class CompleteToolExecutionInput(AttemptMove):
    """The result of a successful execution."""

    result: JSON | None = None
    """The output of the tool, up to 1 MiB."""
    cost_usd: Decimal | None = None
    """The cost in US dollars."""


@input_type
class FailToolExecutionInput(AttemptMove):
    """The error of a failed execution."""

    error_message: str
    """The error message, up to 20,000 characters."""
    result: JSON | None = None
    """The output of the tool before it failed, up to 1 MiB."""
    cost_usd: Decimal | None = None
    """The cost in US dollars."""


@input_type
class CancelToolExecutionInput(AttemptMove):
    """The execution to refuse or cancel."""


@mutation(scope="tools:approve")
async def approve_tool_execution(info: Info, input: ApproveToolExecutionInput) -> ToolExecution:
    """Approve a pending execution that has not expired. The first decision stands.

    If a person approves, the tool is not new from then on. An agent cannot approve what it has proposed itself.
    """
    return await _move(info, input, ToolStatus.APPROVED)


@mutation(scope="tools:execute")
async def start_tool_execution(info: Info, input: StartToolExecutionInput) -> ToolExecution:
    """Start an approved execution. If two agents start it at the same time, one of them gets a conflict.

    Finish it before `leaseUntil`, or renew its lease with `renewToolExecution`. If a lease expires, the execution is
    given back if its worker has a name: it is `APPROVED` again, and whoever starts it next begins another `attempt`.
    After three attempts, or without a name, it fails.
    """
    return await _move(info, input, ToolStatus.EXECUTING)


@mutation(scope="tools:execute")
async def complete_tool_execution(info: Info, input: CompleteToolExecutionInput) -> ToolExecution:
    """Complete a running execution with its result."""
    return await _move(info, input, ToolStatus.COMPLETED)


@mutation(scope="tools:execute")
async def fail_tool_execution(info: Info, input: FailToolExecutionInput) -> ToolExecution:
    """Fail a running execution with an error."""
    return await _move(info, input, ToolStatus.FAILED)


@mutation(scope=("tools:approve", "tools:execute", "tools:propose"))
async def cancel_tool_execution(info: Info, input: CancelToolExecutionInput) -> ToolExecution:
    """Refuse a pending execution, or cancel one that was approved or started."""
    return await _move(info, input, ToolStatus.CANCELLED)


async def _move(info: Info, input: ToolMove, status: ToolStatus) -> ToolExecution:
    """Make one move of the state machine. Raises a `Conflict` that names the last move."""
    id = id_of(input.id)
    async with info.context.autocommit() as db:
        moved = await db.maybe(
            ToolExecution,
            sql.tools.execution.move,
            id=id,
            status=status,
            reason=input.reason,
            result=getattr(input, "result", None),
            cost_usd=getattr(input, "cost_usd", None),
            error_message=getattr(input, "error_message", None),
            worker=getattr(input, "worker", None),
            lease_seconds=getattr(input, "lease_seconds", None),
            attempt=getattr(input, "attempt", None),
            expected=input.expected_version,
        )
        if moved is not None:
            return moved
        current = await db.get(ToolExecution, id)
    if current is not None:
        require_version(ToolExecution, current, input.expected_version)
    is_report = status in (ToolStatus.COMPLETED, ToolStatus.FAILED)
    require_attempt(current, getattr(input, "attempt", None), is_needed=is_report)
    raise await refused(info.context, id, current, _DONE.get(status.value, status.value))


_DONE = {"pending": "proposed", "executing": "started"}

_NOT_YET = {"proposed": "approved", "approved": "started"}
"""The next move that an execution needs, by its last one."""


def require_attempt(current: ToolExecution | None, attempt: int | None, *, is_needed: bool) -> None:
    """Raise `Conflict` if another attempt than this one runs, and `Invalid` if none is named and one is needed."""
    if current is None or current.status is not ToolStatus.EXECUTING:
        return
    runs = f"attempt {current.attempt}{_of(current)} runs since {current.executed_at:%Y-%m-%dT%H:%M:%SZ}"
    if attempt is None:
        if is_needed and current.worker is not None:
            raise Invalid(f"Name the attempt, because a worker with a name was started: {runs}.", field="attempt")
    elif attempt != current.attempt:
        state = "has ended" if 0 < attempt < current.attempt else "has not begun"
        raise Conflict(f"Attempt {attempt} {state}: {runs}.", field="attempt", current=current)


def _of(execution: ToolExecution) -> str:
    return "" if execution.worker is None else f" of {execution.worker}"


async def refused(context: Context, id: UUID, current: ToolExecution | None, asked: str) -> NotFound | Conflict:
    """The error for a move that an execution does not allow."""
    if current is None:
        return NotFound("There is no such tool execution.", field="id")
    (last,) = await context.rows(sql.tools.execution.last_move, id=id)
    if current.attempt and current.status is ToolStatus.APPROVED and asked in ("completed", "failed", "renewed"):
        return Conflict(f"Attempt {current.attempt} has ended: {last['reason']}", field="id", current=current)
    if current.status is ToolStatus.PENDING and asked == "approved":
        return Conflict("This execution cannot be approved: it has expired.", field="id", current=current)
    return Conflict(f"This execution cannot be {asked}: {_as_it_is(last, asked)}.", field="id", current=current)


def _as_it_is(last: Any, asked: str) -> str:
    done = _DONE.get(last["to_status"], last["to_status"])
    if done in _NOT_YET and asked != done:
        return f"it is not {_NOT_YET[done]} yet"
    who = {"user": "the user", "agent": "the agent"}.get(last["actor"], "the system")
    reason = f" ({last['reason']})" if last["reason"] else ""
    return f"it was {done} by {who} at {last['created_at']:%Y-%m-%dT%H:%M:%SZ}{reason}"
