"""Tool executions: what an agent asks leave to run in a conversation, and what came of it.

The database makes each change of status, so of two devices that answer at once only the first is heard.
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
    given,
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
)


@enum_type
class ToolStatus(enum.Enum):
    """Where a tool execution stands."""

    PENDING = "pending"
    """It waits for approval."""
    APPROVED = "approved"
    """It may run."""
    EXECUTING = "executing"
    """It runs."""
    COMPLETED = "completed"
    """It ended well."""
    FAILED = "failed"
    """It ended with an error."""
    CANCELLED = "cancelled"
    """It was refused or stopped."""


@enum_type
class Actor(enum.Enum):
    """Who did it."""

    USER = "user"
    """The user, on one of their devices."""
    AGENT = "agent"
    """An agent that acts for the user."""
    SYSTEM = "system"
    """Neither: the database or its operator."""


@input_type
class ToolExecutionFilter:
    """Conditions on a list of tool executions. All that are given must hold."""

    status: list[ToolStatus] | None = None
    """With any of these statuses."""
    tool_name: list[str] | None = None
    """Of any of these tools."""
    created_from: datetime.datetime | None = None
    """Proposed at this time or later."""
    created_before: datetime.datetime | None = None
    """Proposed before this time."""


@entity("tool_executions", filter=ToolExecutionFilter)
class ToolExecution(Node):
    """One call of a tool by an agent, with its approval, timing, cost and outcome."""

    tool_name: str
    """The tool to call."""
    parameters: JSON
    """The arguments of the call, as the tool defines them."""
    result: JSON | None
    """What it gave."""
    status: ToolStatus
    """Where it stands."""
    approval_requested_at: datetime.datetime
    """When leave was asked."""
    approved_at: datetime.datetime | None
    """When leave was given."""
    executed_at: datetime.datetime | None
    """When it began to run."""
    completed_at: datetime.datetime | None
    """When it ended, well or not."""
    execution_time_ms: BigInt | None
    """Milliseconds from its start to its end, never negative; null while it has not run or not ended."""
    cost_usd: Decimal | None
    """Its price in US dollars."""
    error_message: str | None
    """Why it failed."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null while it is not."""
    conversation_id: strawberry.Private[strawberry.ID]
    message_id: strawberry.Private[strawberry.ID | None]

    conversation = one("Conversation", key="conversation_id")
    """The conversation it belongs to."""
    message = maybe("Message", key="message_id")
    """The message that asked for it."""
    transitions = many("ToolTransition", by="tool_execution_id")
    """Every change of its status, from the first."""


@entity("tool_transitions")
class ToolTransition(Node):
    """One change of status of a tool execution."""

    actor: Actor
    """Who made it."""
    reason: str | None
    """Why, in the actor's words."""

    tool_execution = one("ToolExecution", key="tool_execution_id")
    """The execution whose status it is."""
    session = maybe("Session", key="session_id")
    """The signed-in device it came from."""
    from_status: strawberry.Private[ToolStatus | None]
    to_status: strawberry.Private[ToolStatus]

    @computed("from_status", name="from")
    def was(self) -> ToolStatus | None:
        """The status before; null for the first."""
        return self.from_status

    @computed("to_status", name="to")
    def became(self) -> ToolStatus:
        """The status after."""
        return self.to_status

    @computed("created_at")
    def at(self) -> datetime.datetime:
        """When it was made."""
        return self.created_at


@lookup(ToolExecution)
def tool_execution(context: Context, id: ById) -> UUID:
    """One of the caller's tool executions by its id; null when there is none."""
    return id_of(id)


@input_type
class ProposeToolExecutionInput:
    """A call of a tool that waits for approval. Name its message, its conversation or both."""

    tool_name: str
    """The tool to call."""
    id: strawberry.ID | None = strawberry.UNSET
    """The new execution's id, a UUID made by the client; sent again with the same values, it makes nothing new."""
    message_id: strawberry.ID | None = strawberry.UNSET
    """The message that asks for it."""
    conversation_id: strawberry.ID | None = strawberry.UNSET
    """The conversation it belongs to; its message's if left out."""
    parameters: JSON | None = strawberry.UNSET
    """The arguments of the call, as the tool defines them."""


@mutation
async def propose_tool_execution(info: Info, input: ProposeToolExecutionInput) -> ToolExecution:
    """Ask leave to run a tool. It runs once it is approved."""
    values = given(input)
    async with info.context.autocommit() as db:
        if "conversation_id" in values:
            return await create(db, ToolExecution, values)
        if "message_id" not in values:
            raise Invalid("Name the message or the conversation it belongs to.", field="message_id")
        found = await db.row(sql.tools.execution.conversation_of_message, message_id=values["message_id"])
        if found is None:
            raise NotFound("There is no such message.", field="message_id")
        return await create(db, ToolExecution, values, begins_with={"conversation_id": found["conversation_id"]})


@input_type
class ToolMove:
    """What every move of the state machine takes."""

    id: strawberry.ID
    """The execution's id."""
    reason: str | None = None
    """Why, for the history."""
    expected_version: BigInt | None = None
    """Change nothing unless the execution still has this `version`."""


@input_type
class ApproveToolExecutionInput(ToolMove):
    """Approval of a pending execution."""


@input_type
class StartToolExecutionInput(ToolMove):
    """The start of an approved execution."""


@input_type
class CompleteToolExecutionInput(ToolMove):
    """The outcome of an execution that succeeded."""

    result: JSON | None = None
    """What the tool gave."""
    cost_usd: Decimal | None = None
    """Its price in US dollars."""


@input_type
class FailToolExecutionInput(ToolMove):
    """The outcome of an execution that failed."""

    error_message: str
    """What went wrong."""
    result: JSON | None = None
    """What the tool gave before it failed."""
    cost_usd: Decimal | None = None
    """Its price in US dollars."""


@input_type
class CancelToolExecutionInput(ToolMove):
    """Refusal of a pending execution, or the end of one that was approved."""


@mutation
async def approve_tool_execution(info: Info, input: ApproveToolExecutionInput) -> ToolExecution:
    """Let a pending execution run. Only a person can approve: agents' tokens are refused. The first decision stands."""
    info.context.require_person("approve tool executions")
    return await _move(info, input, ToolStatus.APPROVED)


@mutation
async def start_tool_execution(info: Info, input: StartToolExecutionInput) -> ToolExecution:
    """Begin to run an approved execution. Of two agents that begin at once, one is told so.

    End it, or renew it with `renewToolExecution`, within two minutes.
    """
    return await _move(info, input, ToolStatus.EXECUTING)


@mutation
async def complete_tool_execution(info: Info, input: CompleteToolExecutionInput) -> ToolExecution:
    """End an execution well, with its result."""
    return await _move(info, input, ToolStatus.COMPLETED)


@mutation
async def fail_tool_execution(info: Info, input: FailToolExecutionInput) -> ToolExecution:
    """End an execution with an error."""
    return await _move(info, input, ToolStatus.FAILED)


@mutation
async def cancel_tool_execution(info: Info, input: CancelToolExecutionInput) -> ToolExecution:
    """Refuse a pending execution, or stop one that was let run."""
    return await _move(info, input, ToolStatus.CANCELLED)


@input_type
class RenewToolExecutionInput:
    """The running execution whose lease is renewed."""

    id: strawberry.ID
    """The execution's id."""


@mutation
async def renew_tool_execution(info: Info, input: RenewToolExecutionInput) -> ToolExecution:
    """Renew the lease of a running execution. No field of it changes, and you can send this as often as you like.

    An execution that is neither renewed nor ended within two minutes of its start or its last renewal (a setting of the
    server) ends as FAILED, and its worker is refused from then on. Renew it every 30 seconds.
    """
    id = id_of(input.id)
    async with info.context.autocommit() as db:
        running = await db.maybe(ToolExecution, sql.tools.execution.renew, id=id)
        if running is not None:
            return running
        current = await db.get(ToolExecution, id)
    raise await _refused(info.context, id, current, "renewed")


async def _move(info: Info, input: ToolMove, status: ToolStatus) -> ToolExecution:
    """Make one move of the state machine. Raises `Conflict` that says what the last move was."""
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
            expected=input.expected_version,
        )
        if moved is not None:
            return moved
        current = await db.get(ToolExecution, id)
    if current is not None:
        require_version(ToolExecution, current, input.expected_version)
    raise await _refused(info.context, id, current, _DONE.get(status.value, status.value))


_DONE = {"pending": "proposed", "executing": "started"}

_NOT_YET = {"proposed": "approved", "approved": "started"}
"""The move that an execution needs next before it can go on, by its last one."""


async def _refused(context: Context, id: UUID, current: ToolExecution | None, asked: str) -> NotFound | Conflict:
    """Why something that was asked of an execution is not done."""
    if current is None:
        return NotFound("There is no such tool execution.", field="id")
    (last,) = await context.rows(sql.tools.execution.last_move, id=id)
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
    """A tool execution changed its status."""

    from_status: ToolStatus | None
    """The status before; null when it was proposed."""
    to_status: ToolStatus
    """The status after."""
    at: datetime.datetime
    """When it was changed."""

    tool_execution = one("ToolExecution", key="tool_execution_id")
    """The execution as it stands now, which may be further on."""


@subscription
async def tool_execution_changed(
    info: Info,
    conversation_id: Annotated[strawberry.ID | None, only_of("conversation")] = None,
    after: After = None,
) -> AsyncIterator[ToolExecutionChanged]:
    """Each change of status of the caller's tool executions, once, in order, without gaps."""
    conversation = await info.context.require("conversations", conversation_id, "conversation_id")
    return await info.context.changes(ToolExecutionChanged, where={"conversation_id": conversation}, after=after)
