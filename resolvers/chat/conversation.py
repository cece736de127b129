"""Conversations: threads of messages, with their model settings and folders."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal
from typing import Annotated

import strawberry

from gateway import (
    JSON,
    BigInt,
    Info,
    Node,
    Through,
    computed,
    entity,
    enum_type,
    input_type,
    maybe,
    page,
    sql,
    standard,
)
from resolvers.usage.totals import UsageDimension, UsageGroup, UsageTotals


@enum_type
class ConversationOrder(enum.Enum):
    """How a list of conversations is sorted."""

    LAST_ACTIVITY = "-active_since"
    """Most recently active first."""
    NEWEST = "-created_at"
    """Newest first."""
    OLDEST = "created_at"
    """Oldest first."""


@input_type
class ConversationFilter:
    """Conditions for a list of conversations. Each item meets all that are set."""

    is_pinned: bool | None = None
    """Whether the conversation is pinned."""
    is_archived: bool | None = None
    """Whether the conversation is archived."""
    folder: list[str | None] | None = None
    """In one of these folders. A null in the list stands for no folder."""
    provider: list[str] | None = None
    """With one of these model providers."""
    model: list[str] | None = None
    """With one of these models."""
    title_contains: str | None = None
    """Text that the title contains, up to 500 characters. Ignores case (`ß` equals `ss`) and Unicode normal form."""
    active_from: datetime.datetime | None = None
    """Last active at or after this time."""
    tag_id: list[strawberry.ID] | None = None
    """With one of these tags."""
    has_tag_id: bool | None = None
    """Whether the conversation has any tag."""


@entity("conversations", order=ConversationOrder, filter=ConversationFilter)
class Conversation(Node):
    """A thread of messages between a user and an AI model."""

    title: str | None
    """The title that lists show; null if it has none."""
    provider: str
    """The model provider, such as `openai`."""
    model: str
    """The model that answers, such as `gpt-4o-mini`."""
    system_prompt: str | None
    """Instructions that the model receives before the messages."""
    temperature: float
    """The sampling temperature of the model, from 0 to 2."""
    max_tokens: int | None
    """The maximum number of tokens in an answer; null for no limit."""
    context_window: int
    """The size of the context window of the model, in tokens."""
    is_pinned: bool
    """Whether the user has pinned the conversation."""
    is_archived: bool
    """Whether the conversation is archived."""
    is_auto_archived: bool
    """Whether it was archived automatically, because it exceeded `maxMessages` or was inactive for long."""
    max_messages: int | None
    """The conversation is archived when it has more messages than this; null for no limit."""
    folder: str | None
    """The folder that contains the conversation; null for none."""
    client_session: str | None
    """The client's identifier for the working session that the conversation belongs to."""
    metadata: JSON
    """Data that clients store with the conversation, an object."""
    auto_approval_settings: JSON
    """Settings of automatic approval that stand in place of the user's in this conversation: an object with any of
    `readOnlyOperations`, `lowRiskOperations`, `maxCostPerToolUsd`, `maxCostPerHourUsd` and
    `requireApprovalForNewTools`."""
    message_count: int
    """The number of messages, without deleted ones."""
    last_message_at: datetime.datetime | None
    """When the last message was created; null if there is none."""
    active_at: datetime.datetime
    """When the last message was added, or when the conversation was created."""
    message_tokens: BigInt
    """The sum of the `tokenCount` of all messages."""
    positive_feedback: int
    """The number of its messages with positive feedback, without deleted ones."""
    negative_feedback: int
    """The number of its messages with negative feedback, without deleted ones."""
    neutral_feedback: int
    """The number of its messages with neutral feedback, without deleted ones."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""
    active_since: strawberry.Private[datetime.datetime]
    response_count: strawberry.Private[int]
    response_ms: strawberry.Private[int]
    usage_requests: strawberry.Private[int]
    usage_input_tokens: strawberry.Private[int]
    usage_output_tokens: strawberry.Private[int]
    usage_cached_input_tokens: strawberry.Private[int]
    usage_cache_write_input_tokens: strawberry.Private[int]
    usage_reasoning_tokens: strawberry.Private[int]
    usage_cost_usd: strawberry.Private[Decimal]

    last_message = maybe("Message", key="last_message_id")
    """The last message; null if there is none."""
    messages = page("Message", by="conversation_id")
    """The messages, oldest first."""
    tool_executions = page("ToolExecution", by="conversation_id")
    """The tool executions in this conversation, oldest first."""
    auto_approval_rules = page("AutoApprovalRule", by="conversation_id")
    """The rules for tool executions of this conversation alone, oldest first."""
    context_optimizations = page("ContextOptimization", by="conversation_id")
    """The optimizations of the context, oldest first."""
    usage_logs = page("UsageLog", by="conversation_id")
    """The model calls for this conversation, newest first."""
    tags = page(
        "Tag", through=Through("conversation_tags", "conversation_id", "tag_id", deletable=True), order="created_at"
    )
    """The tags, in the order in which they were added."""

    @computed("response_count", "response_ms")
    def average_response_ms(self) -> int | None:
        """The average `processingMs` of its messages, in milliseconds; null if none has one."""
        return round(self.response_ms / self.response_count) if self.response_count else None

    @computed(
        "usage_requests",
        "usage_input_tokens",
        "usage_output_tokens",
        "usage_cached_input_tokens",
        "usage_cache_write_input_tokens",
        "usage_reasoning_tokens",
        "usage_cost_usd",
    )
    def usage(self) -> UsageTotals:
        """The totals of the model calls for this conversation."""
        return UsageTotals(
            requests=self.usage_requests,
            input_tokens=BigInt(self.usage_input_tokens),
            output_tokens=BigInt(self.usage_output_tokens),
            cached_input_tokens=BigInt(self.usage_cached_input_tokens),
            cache_write_input_tokens=BigInt(self.usage_cache_write_input_tokens),
            reasoning_tokens=BigInt(self.usage_reasoning_tokens),
            total_tokens=BigInt(self.usage_input_tokens + self.usage_output_tokens),
            cost_usd=self.usage_cost_usd,
        )

    @computed("id", exported=False)
    async def usage_by(
        self,
        info: Info,
        dimension: Annotated[
            UsageDimension, strawberry.argument(description="The dimension, on which the `key` of each group depends.")
        ],
    ) -> list[UsageGroup]:
        """The totals of the model calls for this conversation by provider, model, automation and so on. Most expensive
        first, at most 200 groups.
        """
        query = sql.usage.groups.of_conversations
        return [UsageGroup(**row) for row in await info.context.rows_of(self, query, dimension=dimension.value)]


class ConversationInput:
    """The fields of a conversation that a client may set."""

    title: str | None = None
    """The title that lists show, up to 500 characters."""
    provider: str | None = None
    """The model provider, such as `openai`. Defaults, when it is created, to that of the default provider
    configuration, else to the user's `defaultProvider`."""
    model: str | None = None
    """The model that answers, such as `gpt-4o-mini`. Defaults, when it is created, to the `defaultModel` of the
    default provider configuration if that is of this provider, else to the user's `defaultModel`."""
    system_prompt: str | None = None
    """Instructions that the model receives before the messages."""
    temperature: float | None = None
    """The sampling temperature of the model, from 0 to 2."""
    max_tokens: int | None = None
    """The maximum number of tokens in an answer; null for no limit."""
    context_window: int | None = None
    """The size of the context window of the model, in tokens. Defaults to that of the model, or 8192 if the model is
    not known."""
    is_pinned: bool | None = None
    """Whether the user has pinned the conversation."""
    is_archived: bool | None = None
    """Whether the conversation is archived. Unarchiving clears `isAutoArchived`. It also clears `maxMessages` if the
    limit has archived the conversation, or if the next message would exceed it."""
    max_messages: int | None = None
    """Archive the conversation when it has more messages than this. Defaults to the user's
    `maxMessagesPerConversation` when the conversation is created. In an update, null for no limit."""
    folder: str | None = None
    """The folder that contains the conversation; null for none."""
    client_session: str | None = None
    """The client's identifier for the working session that the conversation belongs to."""
    metadata: JSON | None = None
    """Data to store with the conversation, an object of up to 64 KiB."""
    auto_approval_settings: JSON | None = None
    """Settings of automatic approval that stand in place of the user's in this conversation: an object with any of
    `readOnlyOperations`, `lowRiskOperations` and `requireApprovalForNewTools`, which are true or false, and
    `maxCostPerToolUsd` and `maxCostPerHourUsd`, which are amounts from 0 to 1,000,000 US dollars."""


standard(Conversation, input=ConversationInput, scope="messages:write")
