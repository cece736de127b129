"""Context optimizations: how the context of a conversation was shortened to fit the model's context window.

The messages stay. A record names those that were dropped or that its summary replaces.
"""

from __future__ import annotations

import enum

import strawberry

from gateway import (
    Info,
    Invalid,
    Node,
    Through,
    UniqueViolationError,
    computed,
    entity,
    enum_type,
    id_of,
    input_type,
    made_before,
    mutation,
    one,
    page,
    sql,
    values_of,
    with_request_hash,
)

MOST_MESSAGES = 10_000


@enum_type
class OptimizationTrigger(enum.Enum):
    """Why a context was optimized."""

    TOKEN_LIMIT = "token_limit"  # noqa: S105
    """The context window of the model was full."""
    USER_REQUEST = "user_request"
    """The user requested it."""
    AUTO = "auto"
    """The agent's own policy required it."""


@enum_type
class OptimizationType(enum.Enum):
    """How a context was optimized."""

    TRUNCATION = "truncation"
    """Old messages were dropped."""
    SUMMARIZATION = "summarization"
    """Messages were replaced by a summary."""
    COMPRESSION = "compression"
    """Repetitive content was shortened."""


@entity("context_optimizations")
class ContextOptimization(Node):
    """A record that the context of a conversation was shortened to fit the model's context window."""

    trigger_reason: OptimizationTrigger
    """Why the context was optimized."""
    optimization_type: OptimizationType
    """How the context was optimized."""
    tokens_before: int
    """The number of tokens before the optimization."""
    tokens_after: int
    """The number of tokens after the optimization."""
    summary: str | None
    """The text that replaces the affected messages; null if there is none."""
    conversation_id: strawberry.Private[strawberry.ID]

    conversation = one("Conversation", key="conversation_id")
    """The conversation that was optimized."""
    affected_messages = page(
        "Message",
        through=Through("context_optimization_messages", "context_optimization_id", "message_id"),
    )
    """The messages that were dropped or replaced, oldest first."""

    @computed("tokens_before", "tokens_after")
    def tokens_saved(self) -> int:
        """The number of tokens saved: `tokensBefore` minus `tokensAfter`."""
        return self.tokens_before - self.tokens_after


@input_type
class RecordContextOptimizationInput:
    """An optimization of a conversation's context."""

    conversation_id: strawberry.ID
    """The conversation that was optimized."""
    trigger_reason: OptimizationTrigger
    """Why the context was optimized."""
    optimization_type: OptimizationType
    """How the context was optimized."""
    tokens_before: int
    """The number of tokens before the optimization."""
    tokens_after: int
    """The number of tokens after the optimization."""
    id: strawberry.ID | None = strawberry.UNSET
    """The id of the new record, a UUID. Sent again with the same values, nothing new is created."""
    summary: str | None = strawberry.UNSET
    """The text that replaces the affected messages; null if there is none."""
    affected_message_ids: list[strawberry.ID] | None = strawberry.UNSET
    """The ids of the messages that were dropped or replaced, at most 10,000. All must belong to the conversation."""


@mutation(scope="messages:write")
async def record_context_optimization(info: Info, input: RecordContextOptimizationInput) -> ContextOptimization:
    """Record an optimization of a context. Sent again with the same id and values, it returns the same record."""
    ids = input.affected_message_ids or []
    if len(ids) > MOST_MESSAGES:
        raise Invalid(f"At most {MOST_MESSAGES} messages are allowed.", field="affected_message_ids")
    message_ids = sorted({id_of(id, "affected_message_ids") for id in ids})
    row = with_request_hash(values_of(input, without=("affected_message_ids",)), *message_ids)
    try:
        async with info.context.transaction() as db:
            made = await db.insert(ContextOptimization, row)
            linked = await db.rows(
                sql.context.optimization.link_messages,
                optimization_id=made.id,
                conversation_id=row["conversation_id"],
                message_ids=message_ids,
            )
            if len(linked) != len(message_ids):
                raise Invalid(
                    "Some of these messages do not belong to this conversation.", field="affected_message_ids"
                )
            return made
    except UniqueViolationError as error:
        async with info.context.autocommit() as db:
            return await made_before(db, ContextOptimization, row, error)
