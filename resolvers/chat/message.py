"""Messages: the turns of a conversation, numbered without gaps, with branches."""

from __future__ import annotations

import datetime
import enum
from collections.abc import AsyncIterator
from typing import Annotated

import strawberry

from gateway import (
    JSON,
    After,
    Info,
    Node,
    create,
    entity,
    enum_type,
    event,
    given,
    input_type,
    maybe,
    mutation,
    one,
    only_of,
    page,
    standard,
    subscription,
)


@enum_type
class MessageRole(enum.Enum):
    """Who speaks."""

    USER = "user"
    """The user."""
    ASSISTANT = "assistant"
    """The model."""
    SYSTEM = "system"
    """The application, to the model."""
    TOOL = "tool"
    """A tool, with what it gave."""


@enum_type
class MessageStatus(enum.Enum):
    """Whether a message is whole."""

    COMPLETE = "complete"
    """It is whole."""
    STREAMING = "streaming"
    """It is still growing."""
    FAILED = "failed"
    """It broke off with an error."""
    CANCELLED = "cancelled"
    """It was stopped."""


@input_type
class MessageFilter:
    """Conditions on a list of messages. All that are given must hold."""

    role: list[MessageRole] | None = None
    """By any of these speakers."""
    status: list[MessageStatus] | None = None
    """With any of these statuses."""
    created_from: datetime.datetime | None = None
    """Made at this time or later."""
    created_before: datetime.datetime | None = None
    """Made before this time."""


@entity("messages", order="seq", filter=MessageFilter, unique=("seq",), derived={"content": "content_so_far"})
class Message(Node):
    """One turn of a conversation."""

    seq: int
    """Its number in the conversation, from 1, without gaps."""
    role: MessageRole
    """Who speaks."""
    content: str
    """What is said; while it grows, what has been said so far."""
    status: MessageStatus
    """Whether it is whole."""
    token_count: int | None
    """How many tokens it has."""
    model: str | None
    """The model that wrote it, which may not be the conversation's."""
    finish_reason: str | None
    """Why the model stopped, such as `stop` or `length`; `lease_expired` if nothing was appended in time."""
    processing_ms: int | None
    """How long the model took, in milliseconds."""
    relevance_score: float | None
    """How well it answers, from 0 to 1."""
    images: JSON
    """References to images, a list."""
    files: JSON
    """References to files, a list."""
    provider_metadata: JSON
    """What the provider said besides."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null while it is not."""
    conversation_id: strawberry.Private[strawberry.ID]
    parent_id: strawberry.Private[strawberry.ID | None]

    conversation = one("Conversation", key="conversation_id")
    """The conversation it belongs to."""
    parent = maybe("Message", key="parent_id")
    """The message it answers or branches from."""
    replies = page("Message", by="parent_id")
    """The messages that branch from it."""
    tool_executions = page("ToolExecution", by="message_id")
    """The tool calls that it asks for."""


@input_type
class AddMessageInput:
    """A new message at the end of a conversation."""

    conversation_id: strawberry.ID
    """The conversation it belongs to."""
    role: MessageRole
    """Who speaks."""
    content: str
    """The text, up to 262144 characters. A user's or system message must have text, images or files."""
    id: strawberry.ID | None = strawberry.UNSET
    """The new message's id, a UUID made by the client; sent again with the same values, it makes nothing new."""
    parent_id: strawberry.ID | None = strawberry.UNSET
    """The message of the same conversation that it answers or branches from."""
    status: MessageStatus | None = strawberry.UNSET
    """Whether it is whole; it is, if left out."""
    token_count: int | None = strawberry.UNSET
    """How many tokens it has."""
    model: str | None = strawberry.UNSET
    """The model that wrote it."""
    finish_reason: str | None = strawberry.UNSET
    """Why the model stopped."""
    processing_ms: int | None = strawberry.UNSET
    """How long the model took, in milliseconds."""
    relevance_score: float | None = strawberry.UNSET
    """How well it answers, from 0 to 1."""
    images: JSON | None = strawberry.UNSET
    """References to images, a list."""
    files: JSON | None = strawberry.UNSET
    """References to files, a list."""
    provider_metadata: JSON | None = strawberry.UNSET
    """What the provider said besides, an object."""


@mutation
async def add_message(info: Info, input: AddMessageInput) -> Message:
    """Add a message to a conversation. Sent again with the same id and values, it gives the same message."""
    async with info.context.autocommit() as db:
        return await create(db, Message, given(input))


class MessageInput:
    """What may change in a message."""

    content: str | None = None
    """What is said."""
    status: MessageStatus | None = None
    """Whether it is whole. Only one that is still growing changes."""
    token_count: int | None = None
    """How many tokens it has."""
    model: str | None = None
    """The model that wrote it."""
    finish_reason: str | None = None
    """Why the model stopped."""
    processing_ms: int | None = None
    """How long the model took, in milliseconds."""
    relevance_score: float | None = None
    """How well it answers, from 0 to 1."""
    provider_metadata: JSON | None = None
    """What the provider said besides, an object."""


standard(Message, input=MessageInput, without=("create",), within="conversations")


@event("messages", op="insert")
class MessageAdded:
    """A message was added."""

    message = one("Message", key="entity_id")
    """The message as it stands now."""


@subscription
async def message_added(
    info: Info,
    conversation_id: Annotated[strawberry.ID | None, only_of("conversation")] = None,
    after: After = None,
) -> AsyncIterator[MessageAdded]:
    """Each message that is added to the caller's conversations, once, in order, without gaps."""
    conversation = await info.context.require("conversations", conversation_id, "conversation_id")
    return await info.context.changes(MessageAdded, where={"conversation_id": conversation}, after=after)
