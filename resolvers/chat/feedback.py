"""Feedback: what a person thinks of an answer of the model. The conversation counts it by type."""

from __future__ import annotations

import datetime
import enum

import strawberry

from gateway import (
    Info,
    Node,
    entity,
    enum_type,
    id_of,
    input_type,
    maybe,
    mutation,
    one,
    put,
    standard,
)
from resolvers.chat.message import Message, living_message


@enum_type
class FeedbackType(enum.Enum):
    """What a person thinks of an answer."""

    POSITIVE = "positive"
    """It was good."""
    NEGATIVE = "negative"
    """It was bad."""
    NEUTRAL = "neutral"
    """Neither good nor bad."""


@input_type
class MessageFeedbackFilter:
    """Conditions for a list of feedback. Each item meets all that are set."""

    type: list[FeedbackType] | None = None
    """Of one of these types."""
    created_from: datetime.datetime | None = None
    """Given at or after this time."""
    created_before: datetime.datetime | None = None
    """Given before this time."""


@entity("message_feedback", order="-created_at", filter=MessageFeedbackFilter)
class MessageFeedback(Node):
    """What the user thinks of a message of the assistant."""

    type: FeedbackType
    """Whether the answer was good."""
    comment: str | None
    """What the user says about it, up to 4,000 characters; null if nothing."""
    reasons: list[str]
    """Why, such as `wrong`, `incomplete`, `unsafe`, `slow` or `citation`."""
    deleted_at: datetime.datetime | None
    """When its message or conversation was deleted; null if neither is deleted."""
    conversation_id: strawberry.Private[strawberry.ID]
    message_id: strawberry.Private[strawberry.ID]

    message = one("Message", key="message_id")
    """The message that it is about."""
    conversation = one("Conversation", key="conversation_id")
    """The conversation that contains the message."""
    session = maybe("Session", key="session_id")
    """The session in which it was last changed; null if that session is no longer stored."""


@input_type
class SetMessageFeedbackInput:
    """What the user thinks of a message of the assistant. Replaces earlier feedback."""

    message_id: strawberry.ID
    """The message, whose role must be `ASSISTANT`."""
    type: FeedbackType
    """Whether the answer was good."""
    comment: str | None = None
    """What the user says about it, up to 4,000 characters."""
    reasons: list[str] | None = None
    """Why, such as `wrong`, `incomplete`, `unsafe`, `slow` or `citation`: at most 10, each of 1 to 50 characters."""


@mutation(scope="person")
async def set_message_feedback(info: Info, input: SetMessageFeedbackInput) -> MessageFeedback:
    """Give feedback on a message of the assistant, or replace all of the earlier feedback.

    Sent again with the same values, nothing changes.
    """
    values = {"type": input.type, "comment": input.comment or None, "reasons": input.reasons or []}
    key = {"message_id": id_of(input.message_id, "message_id")}
    async with info.context.autocommit() as db:
        return await put(db, MessageFeedback, key, values)


@input_type
class RemoveMessageFeedbackInput:
    """The message whose feedback to remove."""

    message_id: strawberry.ID
    """The id of the message, a UUID."""


@mutation(scope="person")
async def remove_message_feedback(info: Info, input: RemoveMessageFeedbackInput) -> Message:
    """Remove the feedback of a message permanently. If it has none, nothing changes."""
    async with info.context.autocommit() as db:
        message = await living_message(db, input.message_id)
        await db.remove_all(MessageFeedback, message_id=[message.id])
        return message


standard(MessageFeedback, without=("create", "update", "delete", "restore"), within="conversations")
