"""Conversations: a thread of messages, its model settings, and where the user keeps it."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal

import strawberry

from gateway import JSON, BigInt, Node, computed, entity, enum_type, input_type, maybe, page, standard
from resolvers.usage.totals import UsageTotals


@enum_type
class ConversationOrder(enum.Enum):
    """The order of a list of conversations."""

    LAST_ACTIVITY = "-active_since"
    """The conversation with the newest message first."""
    NEWEST = "-created_at"
    """Newest first."""
    OLDEST = "created_at"
    """Oldest first."""


@input_type
class ConversationFilter:
    """Conditions on a list of conversations. All that are given must hold."""

    is_pinned: bool | None = None
    """Pinned or not."""
    is_archived: bool | None = None
    """Archived or not."""
    folder: list[str | None] | None = None
    """In any of these folders; null stands for none."""
    provider: list[str] | None = None
    """Of any of these providers."""
    model: list[str] | None = None
    """With any of these models."""
    title_contains: str | None = None
    """With this text of at most 500 characters in the title, in any case (`ß` is `ss`) and any Unicode normal form."""
    active_from: datetime.datetime | None = None
    """Active at this time or later."""


@entity("conversations", order=ConversationOrder, filter=ConversationFilter)
class Conversation(Node):
    """A thread of messages between a user and a model."""

    title: str | None
    """Its title, given by the user or made from its first message."""
    provider: str
    """Who runs its model."""
    model: str
    """The model that answers."""
    system_prompt: str | None
    """What the model is told before anything else."""
    temperature: float
    """How freely the model answers, from 0 to 2."""
    max_tokens: int | None
    """At most so many tokens in an answer."""
    context_window: int
    """How many tokens the model takes in."""
    is_pinned: bool
    """Whether it is kept on top."""
    is_archived: bool
    """Whether it is put away."""
    is_auto_archived: bool
    """Whether it was put away because it reached `maxMessages`."""
    max_messages: int | None
    """It is archived when it has more messages than this; null for never."""
    folder: str | None
    """The folder it lies in."""
    client_session: str | None
    """The client's own name for the sitting that it belongs to."""
    metadata: JSON
    """Whatever the client keeps with it."""
    auto_approval_settings: JSON
    """Which tools may run in it without asking."""
    message_count: int
    """How many messages it has."""
    last_message_at: datetime.datetime | None
    """When its last message was made."""
    active_at: datetime.datetime
    """When something last happened in it: its last message, or that it was made."""
    message_tokens: BigInt
    """Tokens of all its messages."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null while it is not."""
    active_since: strawberry.Private[datetime.datetime]
    response_count: strawberry.Private[int]
    response_ms: strawberry.Private[int]
    usage_requests: strawberry.Private[int]
    usage_input_tokens: strawberry.Private[int]
    usage_output_tokens: strawberry.Private[int]
    usage_cost_usd: strawberry.Private[Decimal]

    last_message = maybe("Message", key="last_message_id")
    """Its last message."""
    messages = page("Message", by="conversation_id")
    """Its messages, from the first."""
    tool_executions = page("ToolExecution", by="conversation_id")
    """The tool calls of its agent, from the first."""
    context_optimizations = page("ContextOptimization", by="conversation_id")
    """How it was made to fit its model's window, from the first."""
    usage_logs = page("UsageLog", by="conversation_id")
    """The model calls made for it, the last first."""

    @computed("response_count", "response_ms")
    def average_response_ms(self) -> int | None:
        """How long an answer took on average, in milliseconds."""
        return round(self.response_ms / self.response_count) if self.response_count else None

    @computed("usage_requests", "usage_input_tokens", "usage_output_tokens", "usage_cost_usd")
    def usage(self) -> UsageTotals:
        """What its model calls came to."""
        return UsageTotals(
            requests=self.usage_requests,
            input_tokens=BigInt(self.usage_input_tokens),
            output_tokens=BigInt(self.usage_output_tokens),
            total_tokens=BigInt(self.usage_input_tokens + self.usage_output_tokens),
            cost_usd=self.usage_cost_usd,
        )


class ConversationInput:
    """What a client may set in a conversation."""

    title: str | None = None
    """The title that lists show, up to 500 characters."""
    provider: str | None = None
    """Who runs its model."""
    model: str | None = None
    """The model that answers."""
    system_prompt: str | None = None
    """What the model is told before anything else."""
    temperature: float | None = None
    """How freely the model answers, from 0 to 2."""
    max_tokens: int | None = None
    """At most so many tokens in an answer."""
    context_window: int | None = None
    """How many tokens the model takes in."""
    is_pinned: bool | None = None
    """Whether it is kept on top."""
    is_archived: bool | None = None
    """Whether it is put away. Taken back out of the archive, it is no longer auto-archived, and loses a `maxMessages`
    that its next message would exceed."""
    max_messages: int | None = None
    """Archive it when it has more messages than this."""
    folder: str | None = None
    """The folder it lies in."""
    client_session: str | None = None
    """The client's own name for the sitting that it belongs to."""
    metadata: JSON | None = None
    """Whatever the client keeps with it: an object."""
    auto_approval_settings: JSON | None = None
    """Which tools may run in it without asking: an object."""


standard(Conversation, input=ConversationInput)
