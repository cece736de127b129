"""Growing messages: an answer that is streamed, appended to in pieces and watched while it is written.

What is appended is safe when that is answered, and is no change of the feed: those who watch are told by signals, which
may be lost, repeated or out of order. Whoever watches therefore knows the place up to which it has sent, and reads what
it lacks from the database when a signal leaves a gap, and when there has been none for a while.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, suppress
from typing import Annotated, Any
from uuid import UUID

import orjson
import strawberry

from gateway import (
    JSON,
    MOST_PAYLOAD_BYTES,
    SEAL_BYTES,
    BadRequest,
    Conflict,
    Context,
    Info,
    Invalid,
    NotFound,
    Overloaded,
    Unavailable,
    create,
    gathered,
    given,
    id_of,
    input_type,
    mutation,
    object_type,
    payload,
    seal,
    sql,
    subscription,
    unseal,
)
from resolvers.chat.message import Message, MessageRole, MessageStatus

_GATHER_SECONDS = 0.005
_QUIET_SECONDS = 2.0
_MOST_TOLD = MOST_PAYLOAD_BYTES - SEAL_BYTES
_LOOK = b"[]"
"""The signal to look into the database: for an end, and for a text that is too long to be carried."""


@input_type
class StartMessageInput:
    """A message of the model that is about to be written."""

    conversation_id: strawberry.ID
    """The conversation it belongs to."""
    id: strawberry.ID | None = strawberry.UNSET
    """The new message's id, a UUID made by the client; sent again with the same values, it makes nothing new."""
    parent_id: strawberry.ID | None = strawberry.UNSET
    """The message of the same conversation that it answers or branches from."""
    model: str | None = strawberry.UNSET
    """The model that writes it."""


@mutation
async def start_message(info: Info, input: StartMessageInput) -> Message:
    """Begin a message that grows by `appendMessage` until `finishMessage` or `cancelMessage`.

    If nothing is appended for two minutes (a setting of the server), it ends as FAILED with the finish reason
    `lease_expired`; it keeps its text and takes no more. Appending an empty text at its end keeps it alive.
    Sent again with the same id and values, it gives the same message, however far that has come.
    """
    begins_with = {"content": "", "status": MessageStatus.STREAMING}
    async with info.context.autocommit() as db:
        return await create(db, Message, {"role": MessageRole.ASSISTANT, **given(input)}, begins_with=begins_with)


@input_type
class AppendMessageInput:
    """The next text of a message that grows."""

    id: strawberry.ID
    """The message's id."""
    offset: int
    """Where the text goes: how long the message is before it, in Unicode code points, not bytes or UTF-16 units."""
    text: str
    """What follows, at most 16 KiB in UTF-8."""


@payload
class AppendedMessage:
    length: int
    """The offset of what comes next, in code points; where nothing was done, how long the message is."""
    message: Message | None
    """The message as it stands. Reading it takes the time of a query: ask for it where it is needed."""


@mutation
async def append_message(info: Info, input: AppendMessageInput) -> AppendedMessage:
    """Append a text to a message that grows. Once this is answered, the text is safe.

    Sent again with the same offset and text, it has the same answer and appends nothing twice. An offset behind the end
    of the message is refused, and so is another text where there is one already: `length` says where to go on.
    """
    if input.offset < 0:
        raise Invalid("An offset is not negative.", field="offset")
    id, context = id_of(input.id), info.context
    # Not as a write, which would be told to those who follow the feed. A repeat after a lost connection does no harm.
    (came,) = await context.rows(sql.chat.growth.append, id=id, place=input.offset, text=input.text)
    if came["outcome"] == "closed":
        raise await _closed(context, id)
    message = await _present(context, id) if context.asks_for(info, "message") else None
    appended = AppendedMessage(length=came["length"], message=message)
    if came["outcome"] != "appended":
        raise Conflict(_REFUSALS[came["outcome"]].format(came["length"]), field="offset", current=appended)
    told = orjson.dumps((input.offset, input.text))
    _tell(context, id, told if len(told) <= _MOST_TOLD else _LOOK)
    return appended


_REFUSALS = {
    "gap": "There is a gap before this text: the message ends at {}.",
    "differs": "There is another text at this offset: the message ends at {}.",
}


async def _closed(context: Context, id: UUID) -> Conflict:
    """Why a message takes no text. Raises `NotFound` when there is no such message."""
    message = await _present(context, id)
    if message is None:
        raise NotFound("There is no such message.", field="id")
    reason = f"This message is {_as_it_is(message)} and takes no more text."
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
    """How a message that grew has ended."""

    id: strawberry.ID
    """The message's id."""
    failed: bool | None = strawberry.UNSET
    """Whether it broke off with an error; it is whole, if left out."""
    token_count: int | None = strawberry.UNSET
    """How many tokens it has."""
    model: str | None = strawberry.UNSET
    """The model that wrote it."""
    finish_reason: str | None = strawberry.UNSET
    """Why the model stopped."""
    processing_ms: int | None = strawberry.UNSET
    """How long the model took, in milliseconds."""
    provider_metadata: JSON | None = strawberry.UNSET
    """What the provider said besides, an object."""


@mutation
async def finish_message(info: Info, input: FinishMessageInput) -> Message:
    """End a message that grew: it keeps what was appended. Sent again with the same values, it does no harm."""
    values = given(input, without=("id", "failed"))
    return await _end(
        info, input.id, {**values, "status": MessageStatus.FAILED if input.failed else MessageStatus.COMPLETE}
    )


@input_type
class CancelMessageInput:
    """Names the message to stop."""

    id: strawberry.ID
    """The message's id."""


@mutation
async def cancel_message(info: Info, input: CancelMessageInput) -> Message:
    """Stop a message that grows: it keeps the text that was appended, and takes no more. Asking twice does no harm.

    To leave a subscription stops nothing.
    """
    return await _end(info, input.id, {"status": MessageStatus.CANCELLED})


async def _end(info: Info, named: strawberry.ID, values: dict[str, Any]) -> Message:
    """End a message that grows. Raises `Conflict` where it has ended otherwise before."""
    id, context = id_of(named), info.context
    async with context.autocommit() as db:
        message = await db.update(Message, id, values, guard={"status": MessageStatus.STREAMING})
        before = None if message else await db.get(Message, id)
    if message is not None:
        _tell(context, id, _LOOK)
        return message
    if before is None:
        raise NotFound("There is no such message.", field="id")
    if any(getattr(before, name) != value for name, value in values.items()):
        raise Conflict(f"This message has ended already: it is {_as_it_is(before)}.", field="id", current=before)
    return before


@object_type
class MessageGrowth:
    """What a message has grown by; or, at last, how it has ended."""

    offset: int
    """Where the text goes, in code points: all that was sent before, and what was skipped, is so long."""
    length: int
    """How long the message is with the text: the `fromOffset` to come back with."""
    text: str
    """What follows there; empty in the last event."""
    status: MessageStatus
    """Whether it still grows; anything but STREAMING in the last event."""
    message: Message | None
    """The message as it has ended; null while it grows."""


@subscription
async def message_growth(
    info: Info,
    message_id: Annotated[strawberry.ID, strawberry.argument(description="The message's id.")],
    from_offset: Annotated[
        int, strawberry.argument(description="How much of the text to skip, in code points: what is there already.")
    ] = 0,
) -> AsyncIterator[MessageGrowth]:
    """The text of a message from an offset on, once, in order, as it grows; then how it ended. Then this completes.

    Whoever comes late, or comes back with the offset up to which they have the text, gets the rest at once.
    """
    id = id_of(message_id, "message_id")
    if from_offset < 0:
        raise BadRequest("fromOffset: an offset is not negative.", argument="fromOffset")
    return _watch(info, id, from_offset)


async def _watch(info: Info, id: UUID, place: int) -> AsyncIterator[MessageGrowth]:
    context = info.context
    async with aclosing(context.signals.listen(context.user_id, _topic(id))) as signals:
        text, status = await _read(context, id, place)
        while True:
            if text:
                yield MessageGrowth(
                    offset=place, length=place + len(text), text=text, status=MessageStatus.STREAMING, message=None
                )
                place += len(text)
            if status is not MessageStatus.STREAMING:
                break
            heard = await gathered(signals, within=_GATHER_SECONDS, quiet=_QUIET_SECONDS)
            more = _continued(place, [_told(context, id, signal) for signal in heard])
            text = more or ""
            if more is None:
                # While the database is away, nothing grows, and this waits for it.
                with suppress(Overloaded, Unavailable):
                    text, status = await _read(context, id, place)
    message = await context.find(info, Message, id, "message")
    await context.release()
    yield MessageGrowth(offset=place, length=place, text="", status=status, message=message)


async def _read(context: Context, id: UUID, place: int) -> tuple[str, MessageStatus]:
    """What is stored behind a place. Raises `NotFound`, and `BadRequest` when the message does not reach there."""
    try:
        found = await context.rows(sql.chat.growth.read, id=id, place=place)
    finally:
        await context.release()
    if not found:
        raise NotFound("messageId: there is no such message.", field="messageId")
    ((status, length, text),) = found
    if place > length:
        raise BadRequest(f"fromOffset: the message ends at {length}.", argument="fromOffset")
    return text, MessageStatus(status)


def _continued(place: int, told: Iterable[bytes]) -> str | None:
    """What signals add to a text that reaches to a place. None when they do not say: the database has to be asked."""
    parts = [orjson.loads(each) for each in told]
    if not all(parts):
        return None
    added = ""
    for offset, text in sorted(parts):
        reached = place + len(added)
        if offset > reached:
            return None
        added += text[reached - offset :]
    return added if parts else None


def _topic(id: UUID) -> str:
    return f"growth:{id}"


def _tell(context: Context, id: UUID, told: bytes) -> None:
    """Signal to those who watch a message."""
    sealed = seal(told, context.user_id.bytes + id.bytes, context.accounts.keys.refresh_key)
    context.signals.send(context.user_id, _topic(id), sealed)


def _told(context: Context, id: UUID, signal: bytes) -> bytes:
    about = context.user_id.bytes + id.bytes
    return unseal(signal, about, context.accounts.keys.refresh_key) or _LOOK
