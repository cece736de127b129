"""Tool executions: calls of tools by agents, from the proposal and its approval to the result.

The database makes each change of status. If two devices decide at the same time, only the first decision counts.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import strawberry

from gateway import (
    JSON,
    Actor,
    After,
    BigInt,
    ById,
    Conflict,
    Context,
    Info,
    Invalid,
    Node,
    NotFound,
    computed,
    create,
    entity,
    enum_type,
    event,
    id_of,
    input_type,
    lookup,
    many,
    maybe,
    mutation,
    one,
    only_of,
    require_version,
    sql,
    subscription,
    values_of,
)
from resolvers.tools.approval_reason import ApprovalReason


@enum_type
class ToolStatus(enum.Enum):
    """The status of a tool execution."""

    PENDING = "pending"
    """Awaits approval."""
    APPROVED = "approved"
    """Approved, not started yet."""
    EXECUTING = "executing"
    """Running."""
    COMPLETED = "completed"
    """Succeeded."""
    FAILED = "failed"
    """Ended with an error."""
    CANCELLED = "cancelled"
    """Refused or cancelled."""


@input_type
class ToolExecutionFilter:
    """Conditions for a list of tool executions. Each item meets all that are set."""

    status: list[ToolStatus] | None = None
    """With one of these statuses."""
    tool_name: list[str] | None = None
    """Of one of these tools."""
    known_tool_id: list[strawberry.ID] | None = None
    """Of one of these tools, by their ids."""
    approval_reason: list[ApprovalReason | None] | None = None
    """Approved or refused for one of these reasons. A null in the list stands for none."""
    approval_rule_id: list[strawberry.ID | None] | None = None
    """Approved or refused by one of these rules. A null in the list stands for none."""
    expires_before: datetime.datetime | None = None
    """Expiring before this time."""
    created_from: datetime.datetime | None = None
    """Proposed at or after this time."""
    created_before: datetime.datetime | None = None
    """Proposed before this time."""


@entity("tool_executions", filter=ToolExecutionFilter, derived={"lease_until": "leased_until"})
class ToolExecution(Node):
    """One call of a tool by an agent, with its approval, timing, cost and outcome."""

    tool_name: str
    """The name of the tool, up to 100 characters."""
    parameters: JSON
    """The arguments of the call, as the tool defines them."""
    result: JSON | None
    """The output of the tool; null if there is none."""
    status: ToolStatus
    """The current status."""
    approval_requested_at: datetime.datetime
    """When approval was requested."""
    approved_at: datetime.datetime | None
    """When it was approved; null if it was not."""
    executed_at: datetime.datetime | None
    """When it last started to run; null if it has not started."""
    completed_at: datetime.datetime | None
    """When it ended, in whatever way; null before."""
    execution_time_ms: BigInt | None
    """The time from start to end in milliseconds; null if it has not started or not ended."""
    cost_usd: Decimal | None
    """The cost in US dollars."""
    estimated_cost_usd: Decimal | None
    """The cost that was expected when it was proposed, in US dollars; null if none was stated."""
    expires_at: datetime.datetime | None
    """When it is cancelled if it still awaits approval; null for never."""
    approval_reason: ApprovalReason | None
    """Why it was approved or refused. Null while it awaits approval, and if an agent decided or nobody in time."""
    error_message: str | None
    """The error message of a failed execution; null otherwise."""
    worker: str | None
    """The name of the worker that runs it, or ran it to its end; null if it has not started, was given back, or was
    started without a name."""
    attempt: int
    """How often it was started; 0 before the first start. A named worker reports with the number of its attempt."""
    lease_until: datetime.datetime | None
    """When its lease ends unless it is renewed; null if it is not running."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""
    conversation_id: strawberry.Private[strawberry.ID]
    message_id: strawberry.Private[strawberry.ID | None]

    conversation = one("Conversation", key="conversation_id")
    """The conversation that contains the execution."""
    message = maybe("Message", key="message_id")
    """The message that requested the execution; null if there is none."""
    known_tool = one("KnownTool", key="known_tool_id")
    """What is known of the tool."""
    approval_rule = maybe("AutoApprovalRule", key="approval_rule_id")
    """The rule that approved or refused it; null if none did, or if the rule was permanently removed."""
    transitions = many("ToolTransition", by="tool_execution_id")
    """The changes of status, oldest first."""


@entity("tool_transitions")
class ToolTransition(Node):
    """One change of status of a tool execution."""

    actor: Actor
    """Who made the change."""
    reason: str | None
    """The reason that the actor gave; null if none."""

    tool_execution = one("ToolExecution", key="tool_execution_id")
    """The tool execution that changed."""
    session = maybe("Session", key="session_id")
    """The session in which the change was made; null if there was none."""
    agent_token = maybe("AgentToken", key="agent_token_id")
    """The token of the agent that made the change; null if none did."""
    approval_rule = maybe("AutoApprovalRule", key="approval_rule_id")
    """The rule that made the change; null if none did, or if the rule was permanently removed."""
    from_status: strawberry.Private[ToolStatus | None]
    to_status: strawberry.Private[ToolStatus]

    @computed("from_status", name="from")
    def was(self) -> ToolStatus | None:
        """The previous status; null for the first one."""
        return self.from_status

    @computed("to_status", name="to")
    def became(self) -> ToolStatus:
        """The new status."""
        return self.to_status

    @computed("created_at")
    def at(self) -> datetime.datetime:
        """When the status changed."""
        return self.created_at


@lookup(ToolExecution)
def tool_execution(context: Context, id: ById) -> UUID:
    """One of the caller's tool executions, by id. Includes deleted ones; null if there is none."""
    return id_of(id)


@input_type
class ProposeToolExecutionInput:
    """A tool execution to propose. Set its message, its conversation or both."""

    tool_name: str
    """The name of the tool, up to 100 characters."""
    id: strawberry.ID | None = strawberry.UNSET
    """The id of the new execution, a UUID. Sent again with the same values, nothing new is created."""
    message_id: strawberry.ID | None = strawberry.UNSET
    """The message that requests the execution."""
    conversation_id: strawberry.ID | None = strawberry.UNSET
    """The conversation that contains the execution. Defaults to the conversation of the message."""
    parameters: JSON | None = strawberry.UNSET
    """The arguments of the call, as the tool defines them."""
    estimated_cost_usd: Decimal | None = strawberry.UNSET
    """The expected cost, from 0 to 1,000,000 US dollars. Without it, the highest cost that is approved automatically
    for one execution is assumed."""
    expires_at: datetime.datetime | None = strawberry.UNSET
    """When to cancel it if it still awaits approval. Defaults to never."""


@mutation(scope="tools:propose")
async def propose_tool_execution(info: Info, input: ProposeToolExecutionInput) -> ToolExecution:
    """Request approval to run a tool. The user's rules and settings may approve or refuse it at once.

    Sent again with the same id and values, it returns the same execution.
    """
    values = values_of(input)
    async with info.context.autocommit() as db:
        if "conversation_id" in values:
            return await create(db, ToolExecution, values)
        if "message_id" not in values:
            raise Invalid("Set the message or the conversation.", field="message_id")
        found = await db.row(sql.tools.execution.conversation_of_message, message_id=values["message_id"])
        if found is None:
            raise NotFound("There is no such message.", field="message_id")
        return await create(db, ToolExecution, values, begins_with={"conversation_id": found["conversation_id"]})


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


@event("tool_transitions", op="insert")
class ToolExecutionChanged:
    """The status of a tool execution changed."""

    from_status: ToolStatus | None
    """The previous status; null if it was just proposed."""
    to_status: ToolStatus
    """The new status."""
    at: datetime.datetime
    """When the status changed."""

    tool_execution = one("ToolExecution", key="tool_execution_id")
    """The execution in its current state, which may be newer than this event."""


@subscription(scope="read")
async def tool_execution_changed(
    info: Info,
    conversation_id: Annotated[strawberry.ID | None, only_of("conversation")] = None,
    after: After = None,
) -> AsyncIterator[ToolExecutionChanged]:
    """Every change of status of the caller's tool executions, exactly once and in order."""
    conversation = await info.context.require("conversations", conversation_id, "conversation_id")
    return await info.context.changes(ToolExecutionChanged, where={"conversation_id": conversation}, after=after)
