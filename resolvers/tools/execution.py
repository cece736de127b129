"""Tool executions: calls of tools by agents, from the proposal and its approval to the result.

The database makes each change of status. If two devices decide at the same time, only the first decision counts.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import strawberry

from gateway import (
    JSON,
    Actor,
    After,
    BigInt,
    ById,
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
    """When to cancel it if it still awaits approval, a time in the future. Defaults to never."""


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
