"""Context optimizations: how a conversation was made to fit its model's window.

The originals stay; a record names the messages that were dropped or replaced by its summary.
"""

from __future__ import annotations

import enum

import asyncpg
import strawberry

from gateway import (
    Info,
    Invalid,
    Node,
    Through,
    computed,
    entity,
    enum_type,
    given,
    id_of,
    input_type,
    is_taken,
    made_before,
    mutation,
    one,
    page,
    sql,
    with_request_hash,
)

MOST_MESSAGES = 10_000


@enum_type
class OptimizationTrigger(enum.Enum):
    """Why a context was optimized."""

    TOKEN_LIMIT = "token_limit"  # noqa: S105
    """The model's window was full."""
    USER_REQUEST = "user_request"
    """The user asked for it."""
    AUTO = "auto"
    """The agent's own policy."""


@enum_type
class OptimizationType(enum.Enum):
    """How a context was optimized."""

    TRUNCATION = "truncation"
    """Old parts were left out."""
    SUMMARIZATION = "summarization"
    """Parts were replaced by a summary."""
    COMPRESSION = "compression"
    """Repetitions were shortened."""


@entity("context_optimizations")
class ContextOptimization(Node):
    """One time that a conversation was made to fit its model's window."""

    trigger_reason: OptimizationTrigger
    """Why it was done."""
    optimization_type: OptimizationType
    """How it was done."""
    tokens_before: int
    """How many tokens the context had before it was shortened."""
    tokens_after: int
    """How many tokens the context had once it was shortened."""
    summary: str | None
    """The text that stands for the affected messages."""
    conversation_id: strawberry.Private[strawberry.ID]

    conversation = one("Conversation", key="conversation_id")
    """The conversation that was made to fit."""
    affected_messages = page(
        "Message",
        through=Through("context_optimization_messages", "context_optimization_id", "message_id"),
    )
    """The messages that were dropped or replaced, in their order."""

    @computed("tokens_before", "tokens_after")
    def tokens_saved(self) -> int:
        """How many tokens it saved."""
        return self.tokens_before - self.tokens_after


@input_type
class RecordContextOptimizationInput:
    """What was done to a conversation's context."""

    conversation_id: strawberry.ID
    """The conversation that was made to fit."""
    trigger_reason: OptimizationTrigger
    """Why it was done."""
    optimization_type: OptimizationType
    """How it was done."""
    tokens_before: int
    """How many tokens the context had before it was shortened."""
    tokens_after: int
    """How many tokens the context had once it was shortened."""
    id: strawberry.ID | None = strawberry.UNSET
    """The new record's id, a UUID made by the client; sent again with the same values, it makes nothing new."""
    summary: str | None = strawberry.UNSET
    """The text that stands for the affected messages."""
    affected_message_ids: list[strawberry.ID] | None = strawberry.UNSET
    """The messages of the conversation that were dropped or replaced."""


@mutation
async def record_context_optimization(info: Info, input: RecordContextOptimizationInput) -> ContextOptimization:
    """Record how a context was optimized. Sent again with the same id and values, it gives the same record."""
    ids = input.affected_message_ids or []
    if len(ids) > MOST_MESSAGES:
        raise Invalid(f"At most {MOST_MESSAGES} messages can be named.", field="affected_message_ids")
    message_ids = sorted({id_of(id, "affected_message_ids") for id in ids})
    row = with_request_hash(given(input, without=("affected_message_ids",)), *message_ids)
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
                raise Invalid("Not all of these are messages of this conversation.", field="affected_message_ids")
            return made
    except asyncpg.UniqueViolationError as error:
        if not is_taken(ContextOptimization, error):
            raise
    async with info.context.autocommit() as db:
        return await made_before(db, ContextOptimization, row)
