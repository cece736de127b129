"""Streamed messages: written in pieces, and watched by subscribers while they are written.

An append is stored before it is acknowledged, but is no change of the feed. Subscribers get signals instead, which
may be lost, repeated or out of order. Each subscription therefore keeps the offset up to which it has sent. It reads
what it lacks from the database after a gap between signals, and after a while without signals.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

import orjson
import strawberry

from gateway import (
    JSON,
    BadRequest,
    Conflict,
    Context,
    Info,
    Invalid,
    NotFound,
    Overloaded,
    Topic,
    Unavailable,
    create,
    id_of,
    input_type,
    mutation,
    object_type,
    payload,
    sql,
    subscription,
    values_of,
)
from resolvers.chat.message import Message, MessageRole, MessageStatus

_GATHER_SECONDS = 0.005
_QUIET_SECONDS = 2.0


@input_type
class StartMessageInput:
    """A new message that the model is about to write."""

    conversation_id: strawberry.ID
    """The conversation that contains the message."""
    id: strawberry.ID | None = strawberry.UNSET
    """The id of the new message, a UUID. Sent again with the same values, nothing new is created."""
    parent_id: strawberry.ID | None = strawberry.UNSET
    """The message of the same conversation that this one answers or branches from."""
    model: str | None = strawberry.UNSET
    """The model that writes the message."""


@mutation(scope="messages:write")
async def start_message(info: Info, input: StartMessageInput) -> Message:
    """Start a message that is written in pieces: with `appendMessage`, until `finishMessage` or `cancelMessage`.

    If nothing is appended for two minutes (a setting of the server), the message ends as `FAILED` with the finish
    reason `lease_expired`. It keeps its text and accepts no more. To keep it alive, append an empty text at its end.
    Sent again with the same id and values, it returns the same message in its current state.
    """
    begins_with = {"content": "", "status": MessageStatus.STREAMING}
    async with info.context.autocommit() as db:
        return await create(db, Message, {"role": MessageRole.ASSISTANT, **values_of(input)}, begins_with=begins_with)


@input_type
class AppendMessageInput:
    """The next piece of text of a message that is being written."""

    id: strawberry.ID
    """The id of the message, a UUID."""
    offset: int
    """Where the text begins: the length of the message so far, in Unicode code points (not bytes or UTF-16 units)."""
    text: str
    """The text to append, up to 16 KiB in UTF-8."""


@payload
class AppendedMessage:
    length: int
    """The length of the message in code points, which is the next offset. Also set on a conflict."""
    message: Message | None
    """The message in its current state. Requesting it costs an extra query."""


@mutation(scope="messages:write")
async def append_message(info: Info, input: AppendMessageInput) -> AppendedMessage:
    """Append text to a message that is being written. When this returns, the text is stored.

    Sent again with the same offset and text, it returns the same result and appends nothing twice. It is refused if
    the offset is beyond the end of the message, or if the message has different text there. Continue from `length`.
    """
    if input.offset < 0:
        raise Invalid("An offset cannot be negative.", field="offset")
    id, context = id_of(input.id), info.context
    # Not as a write, which would wake the followers of the feed. A repeat after a lost connection does no harm.
    (came,) = await context.rows(sql.chat.growth.append, id=id, offset=input.offset, text=input.text)
    if came["outcome"] == "closed":
        raise await _closed(context, id)
    message = await _present(context, id) if context.asks_for(info, "message") else None
    appended = AppendedMessage(length=came["length"], message=message)
    if came["outcome"] != "appended":
        raise Conflict(_REFUSALS[came["outcome"]].format(came["length"]), field="offset", current=appended)
    _topic(context, id).send(orjson.dumps((input.offset, input.text)))
    return appended


_REFUSALS = {
    "gap": "There is a gap before this text: the message ends at {}.",
    "differs": "The message has different text at this offset: it ends at {}.",
}


async def _closed(context: Context, id: UUID) -> Conflict:
    """The error for a message that accepts no text. Raises `NotFound` if there is no such message."""
    message = await _present(context, id)
    if message is None:
        raise NotFound("There is no such message.", field="id")
    reason = f"This message is {_as_it_is(message)} and accepts no more text."
    return Conflict(reason, field="id", current=AppendedMessage(length=len(message.content), message=message))


def _as_it_is(message: Message) -> str:
    """The status of a message, with the reason where its writer cannot know it."""
    is_abandoned = message.finish_reason == "lease_expired"
    return message.status.value + (" (nothing was appended to it in time)" if is_abandoned else "")


async def _present(context: Context, id: UUID) -> Message | None:
    async with context.autocommit() as db:
        return await db.get(Message, id)


@input_type
class FinishMessageInput:
    """The end of a message that was being written."""

    id: strawberry.ID
    """The id of the message, a UUID."""
    failed: bool | None = strawberry.UNSET
    """Whether writing ended with an error. Defaults to false."""
    token_count: int | None = strawberry.UNSET
    """The number of tokens of the message."""
    model: str | None = strawberry.UNSET
    """The model that wrote the message."""
    finish_reason: str | None = strawberry.UNSET
    """Why the model stopped, such as `stop` or `length`."""
    processing_ms: int | None = strawberry.UNSET
    """How long the model took to answer, in milliseconds."""
    provider_metadata: JSON | None = strawberry.UNSET
    """Further data from the model provider, an object of up to 64 KiB."""


@mutation(scope="messages:write")
async def finish_message(info: Info, input: FinishMessageInput) -> Message:
    """Finish a message that is being written. It keeps its text. Can be sent again with the same values."""
    values = values_of(input, without=("id", "failed"), nulls=True)
    return await _end(
        info, input.id, {**values, "status": MessageStatus.FAILED if input.failed else MessageStatus.COMPLETE}
    )


@input_type
class CancelMessageInput:
    """The message to cancel, which is being written."""

    id: strawberry.ID
    """The id of the message, a UUID."""


@mutation(scope="messages:write")
async def cancel_message(info: Info, input: CancelMessageInput) -> Message:
    """Cancel a message that is being written. It keeps its text and accepts no more. Can be sent again.

    Ending a subscription to `messageGrowth` does not cancel the message.
    """
    return await _end(info, input.id, {"status": MessageStatus.CANCELLED})


async def _end(info: Info, named: strawberry.ID, values: dict[str, Any]) -> Message:
    """End a message that is being written. Raises `Conflict` if it has already ended differently."""
    id, context = id_of(named), info.context
    async with context.autocommit() as db:
        message = await db.update(Message, id, values, guard={"status": MessageStatus.STREAMING})
        before = None if message else await db.get(Message, id)
    if message is not None:
        _topic(context, id).send()
        return message
    if before is None:
        raise NotFound("There is no such message.", field="id")
    if any(getattr(before, name) != value for name, value in values.items() if value is not None):
        raise Conflict(f"This message has already ended: it is {_as_it_is(before)}.", field="id", current=before)
    return before


@object_type
class MessageGrowth:
    """A piece of text of a message that is being written. The last event contains the finished message instead."""

    offset: int
    """Where the text begins in the message, in code points."""
    length: int
    """The length of the message with this text, in code points. Pass it as `fromOffset` to resume."""
    text: str
    """The text at this offset; empty in the last event."""
    status: MessageStatus
    """The status of the message: `STREAMING`, or another one in the last event."""
    message: Message | None
    """The finished message, in the last event; null before."""


@subscription(scope="read")
async def message_growth(
    info: Info,
    message_id: Annotated[strawberry.ID, strawberry.argument(description="The id of the message, a UUID.")],
    from_offset: Annotated[
        int, strawberry.argument(description="The length of the text to skip, in code points. Defaults to 0.")
    ] = 0,
) -> AsyncIterator[MessageGrowth]:
    """The text of a message from an offset on, exactly once and in order, then the finished message.

    Late subscribers receive the text so far at once. To resume, pass the last `length` as `fromOffset`.
    """
    id = id_of(message_id, "message_id")
    if from_offset < 0:
        raise BadRequest("fromOffset: an offset cannot be negative.", argument="fromOffset")
    return _watch(info, id, from_offset)


async def _watch(info: Info, id: UUID, offset: int) -> AsyncIterator[MessageGrowth]:
    context = info.context
    async with _topic(context, id).listen(within=_GATHER_SECONDS, quiet=_QUIET_SECONDS) as signals:
        text, status = await _read(context, id, offset)
        while True:
            if text:
                yield MessageGrowth(
                    offset=offset, length=offset + len(text), text=text, status=MessageStatus.STREAMING, message=None
                )
                offset += len(text)
            if status is not MessageStatus.STREAMING:
                break
            more = _continued(offset, await anext(signals))
            text = more or ""
            if more is None:
                # While the database is away, nothing grows, and this waits for it.
                with suppress(Overloaded, Unavailable):
                    text, status = await _read(context, id, offset)
    message = await context.find(info, Message, id, "message")
    await context.release()
    yield MessageGrowth(offset=offset, length=offset, text="", status=status, message=message)


async def _read(context: Context, id: UUID, offset: int) -> tuple[str, MessageStatus]:
    """The stored text from an offset on. Raises `NotFound`, and `BadRequest` if the message is shorter."""
    try:
        rows = await context.rows(sql.chat.growth.read, id=id, offset=offset)
    finally:
        await context.release()
    if not rows:
        raise NotFound("messageId: there is no such message.", field="messageId")
    ((status, length, text),) = rows
    if offset > length:
        raise BadRequest(f"fromOffset: the message ends at {length}.", argument="fromOffset")
    return text, MessageStatus(status)


def _continued(length: int, signals: Sequence[bytes]) -> str | None:
    """The text that signals add to one of this length. None if they do not say: the database has to be read."""
    if not all(signals):
        return None
    added = ""
    for offset, text in sorted(orjson.loads(signal) for signal in signals):
        reached = length + len(added)
        if offset > reached:
            return None
        added += text[reached - offset :]
    return added if signals else None


def _topic(context: Context, id: UUID) -> Topic:
    """What signals the pieces of a message, as offset and text. An empty signal is sent at its end."""
    return context.topic("growth", id)
