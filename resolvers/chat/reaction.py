"""Reactions: single emoji that the user and their agents put on messages. Unlike feedback, they are not counted."""

from __future__ import annotations

import datetime

import strawberry

from gateway import Actor, Info, Node, entity, id_of, input_type, mutation, one, put, standard
from resolvers.chat.message import Message, living_message


@entity("message_reactions")
class MessageReaction(Node):
    """An emoji on a message."""

    emoji: str
    """The emoji, such as `👍`."""
    actor: Actor
    """Who reacted."""
    deleted_at: datetime.datetime | None
    """When its message or conversation was deleted; null if neither is deleted."""
    conversation_id: strawberry.Private[strawberry.ID]
    message_id: strawberry.Private[strawberry.ID]

    message = one("Message", key="message_id")
    """The message that has the reaction."""
    conversation = one("Conversation", key="conversation_id")
    """The conversation that contains the message."""


@input_type
class AddReactionInput:
    """An emoji to put on a message."""

    message_id: strawberry.ID
    """The id of the message, a UUID."""
    emoji: str
    """A single emoji of at most 32 bytes in UTF-8, such as `👍`. A message has at most 20."""


@mutation(scope="messages:write")
async def add_reaction(info: Info, input: AddReactionInput) -> MessageReaction:
    """Put an emoji on a message. If the message already has it, that reaction is returned unchanged."""
    key = {"message_id": id_of(input.message_id, "message_id"), "emoji": input.emoji}
    async with info.context.autocommit() as db:
        return await put(db, MessageReaction, key, {})


@input_type
class RemoveReactionInput:
    """An emoji to remove from a message."""

    message_id: strawberry.ID
    """The id of the message, a UUID."""
    emoji: str
    """The emoji to remove, exactly as the reaction has it."""


@mutation(scope="messages:write", existing=True)
async def remove_reaction(info: Info, input: RemoveReactionInput) -> Message:
    """Remove an emoji from a message permanently. If the message does not have it, nothing changes."""
    async with info.context.autocommit() as db:
        message = await living_message(db, input.message_id)
        removed = await db.remove_all(MessageReaction, message_id=[message.id], emoji=[input.emoji])
    if not removed:
        await info.context.refuse_invalid(MessageReaction, {"emoji": input.emoji})
    return message


standard(MessageReaction, without=("create", "update", "delete", "restore"), within="conversations")
