"""Messages: numbered without gaps in each conversation, with branches."""

from __future__ import annotations

import datetime
import enum
from collections.abc import AsyncIterator
from typing import Annotated, Any, cast

import strawberry

from gateway import (
    JSON,
    After,
    Conflict,
    Info,
    Node,
    NotFound,
    Statements,
    create,
    entity,
    enum_type,
    event,
    id_of,
    in_bulk,
    input_type,
    many,
    maybe,
    mutation,
    one,
    only_of,
    page,
    sql,
    standard,
    subscription,
    values_of,
)


@enum_type
class MessageRole(enum.Enum):
    """Who wrote a message."""

    USER = "user"
    """Written by the user."""
    ASSISTANT = "assistant"
    """Written by the model."""
    SYSTEM = "system"
    """An instruction from the application to the model."""
    TOOL = "tool"
    """The output of a tool."""


@enum_type
class MessageStatus(enum.Enum):
    """The status of a message."""

    COMPLETE = "complete"
    """The message is complete."""
    STREAMING = "streaming"
    """The message is being written."""
    FAILED = "failed"
    """Writing ended with an error."""
    CANCELLED = "cancelled"
    """Writing was cancelled."""


@input_type
class MessageFilter:
    """Conditions for a list of messages. Each item meets all that are set."""

    role: list[MessageRole] | None = None
    """With one of these roles."""
    status: list[MessageStatus] | None = None
    """With one of these statuses."""
    created_from: datetime.datetime | None = None
    """Created at or after this time."""
    created_before: datetime.datetime | None = None
    """Created before this time."""


@entity("messages", order="seq", filter=MessageFilter, unique=("seq",), derived={"content": "content_so_far"})
class Message(Node):
    """One message of a conversation."""

    seq: int
    """The number of the message in the conversation: 1, 2, 3 and so on, without gaps."""
    role: MessageRole
    """Who wrote the message."""
    content: str
    """The text of the message. While it is being written, the text so far."""
    status: MessageStatus
    """Whether the message is complete, being written, failed or cancelled."""
    token_count: int | None
    """The number of tokens of the message."""
    model: str | None
    """The model that wrote the message, which may differ from the conversation's."""
    finish_reason: str | None
    """Why the model stopped, such as `stop` or `length`; `lease_expired` if nothing was appended in time."""
    processing_ms: int | None
    """How long the model took to answer, in milliseconds."""
    relevance_score: float | None
    """How relevant the message is, from 0 to 1."""
    images: JSON
    """References to images, a list of up to 64 KiB."""
    files: JSON
    """References to files, a list of up to 64 KiB."""
    provider_metadata: JSON
    """Further data from the model provider, an object."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""
    conversation_id: strawberry.Private[strawberry.ID]
    parent_id: strawberry.Private[strawberry.ID | None]

    conversation = one("Conversation", key="conversation_id")
    """The conversation that contains the message."""
    parent = maybe("Message", key="parent_id")
    """The message that this one answers or branches from; null if it has no parent."""
    replies = page("Message", by="parent_id")
    """The messages that have this one as their parent, oldest first."""
    tool_executions = page("ToolExecution", by="message_id")
    """The tool executions that this message requested, oldest first."""
    feedback = maybe("MessageFeedback", by="message_id")
    """What the user thinks of this answer; null if there is no feedback."""
    reactions = many("MessageReaction", by="message_id")
    """The reactions to this message, at most 20, oldest first."""


async def living_message(db: Statements, message_id: strawberry.ID) -> Message:
    """The message that an input names. Raises `NotFound`, or `Conflict` if it or its conversation is deleted."""
    message = await db.maybe(Message, sql.chat.message.with_is_living, id=id_of(message_id, "message_id"))
    if message is None:
        raise NotFound("There is no such message.", field="message_id")
    if not cast("Any", message)["is_living"]:
        raise Conflict("This message is deleted.", field="message_id", current=message)
    return message


@input_type
class AddMessageInput:
    """A new message to add to the end of a conversation."""

    conversation_id: strawberry.ID
    """The conversation that contains the message."""
    role: MessageRole
    """Who wrote the message."""
    content: str
    """The text, up to 262,144 characters. A message from `USER` or `SYSTEM` needs text, images or files."""
    id: strawberry.ID | None = strawberry.UNSET
    """The id of the new message, a UUID. Sent again with the same values, nothing new is created."""
    parent_id: strawberry.ID | None = strawberry.UNSET
    """The message of the same conversation that this one answers or branches from."""
    status: MessageStatus | None = strawberry.UNSET
    """The status of the message. Defaults to `COMPLETE`."""
    token_count: int | None = strawberry.UNSET
    """The number of tokens of the message."""
    model: str | None = strawberry.UNSET
    """The model that wrote the message."""
    finish_reason: str | None = strawberry.UNSET
    """Why the model stopped, such as `stop` or `length`."""
    processing_ms: int | None = strawberry.UNSET
    """How long the model took to answer, in milliseconds."""
    relevance_score: float | None = strawberry.UNSET
    """How relevant the message is, from 0 to 1."""
    images: JSON | None = strawberry.UNSET
    """References to images, a list of up to 64 KiB."""
    files: JSON | None = strawberry.UNSET
    """References to files, a list of up to 64 KiB."""
    provider_metadata: JSON | None = strawberry.UNSET
    """Further data from the model provider, an object of up to 64 KiB."""


@mutation(scope="messages:write")
async def add_message(info: Info, input: AddMessageInput) -> Message:
    """Add a message to a conversation. Sent again with the same id and values, it returns the same message."""
    async with info.context.autocommit() as db:
        return await create(db, Message, values_of(input))


add_messages = in_bulk(add_message)


class MessageInput:
    """The fields of a message that a client may update."""

    content: str | None = None
    """The text, up to 262,144 characters."""
    status: MessageStatus | None = None
    """The new status. It can change only while the message is `STREAMING`."""
    token_count: int | None = None
    """The number of tokens of the message."""
    model: str | None = None
    """The model that wrote the message."""
    finish_reason: str | None = None
    """Why the model stopped, such as `stop` or `length`."""
    processing_ms: int | None = None
    """How long the model took to answer, in milliseconds."""
    relevance_score: float | None = None
    """How relevant the message is, from 0 to 1."""
    provider_metadata: JSON | None = None
    """Further data from the model provider, an object of up to 64 KiB."""


standard(Message, input=MessageInput, without=("create",), within="conversations", scope="messages:write")


@event("messages", op="insert")
class MessageAdded:
    """A message was added to a conversation."""

    message = one("Message", key="entity_id")
    """The message in its current state."""


@subscription(scope="read")
async def message_added(
    info: Info,
    conversation_id: Annotated[strawberry.ID | None, only_of("conversation")] = None,
    after: After = None,
) -> AsyncIterator[MessageAdded]:
    """Every message added to the caller's conversations, exactly once and in order."""
    conversation = await info.context.require("conversations", conversation_id, "conversation_id")
    return await info.context.changes(MessageAdded, where={"conversation_id": conversation}, after=after)
