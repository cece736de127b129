"""Presence: which of the user's devices look at a conversation, and on which somebody types. It is never stored."""

from __future__ import annotations

import datetime
import enum
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, cast
from uuid import UUID

import strawberry

from gateway import (
    Context,
    Info,
    NotFound,
    Present,
    enum_type,
    id_of,
    input_type,
    mutation,
    object_type,
    payload,
    sql,
    subscription,
)


@enum_type
class PresenceState(enum.Enum):
    """What a device does with a conversation."""

    LOOKING = "looking"
    """It shows the conversation. True for 30 seconds, unless it is said again."""
    TYPING = "typing"
    """Somebody types into it. True for 6 seconds, unless it is said again."""
    AWAY = ""
    """It shows something else. Devices that are away are not listed."""


_LIVES = {PresenceState.LOOKING: 30.0, PresenceState.TYPING: 6.0, PresenceState.AWAY: 30.0}
"""Seconds for which each is true. That a device is away is remembered as long as what it may have said before."""


@input_type
class SignalPresenceInput:
    """What the caller's device does."""

    conversation_id: strawberry.ID
    """The conversation that it does this with."""
    state: PresenceState
    """What it does. Say it again every 10 seconds while it looks, every 2 seconds while somebody types, and at each
    change."""


@payload
class SignalledPresence:
    state: PresenceState
    """What was said."""
    seconds: float
    """For how long it is true, unless it is said again."""


@mutation
async def signal_presence(info: Info, input: SignalPresenceInput) -> SignalledPresence:
    """Say what the caller's device does with a conversation, for those who watch `presence`. Nothing is stored."""
    context, id = info.context, id_of(input.conversation_id, "conversation_id")
    known = context.presence.known(context.user_id, id, context.session_id)
    name = known.name if known else await _device_name(context, id)
    life = _LIVES[input.state]
    context.presence.tell(context.user_id, id, context.session_id, name, input.state.value, life)
    return SignalledPresence(state=input.state, seconds=life)


async def _device_name(context: Context, id: UUID) -> str | None:
    """What the caller's device is called. Raises `NotFound` when there is no such conversation."""
    found = await context.rows(sql.chat.presence.device, id=id, session_id=context.session_id)
    if not found:
        raise NotFound("There is no such conversation.", field="conversation_id")
    name: str | None = found[0]["device_name"]
    return name


@object_type
class PresentDevice:
    """A device of the user that looks at a conversation, or on which somebody types into it."""

    session_id: strawberry.ID
    """The signed-in session of the device."""
    device_name: str | None
    """What the device is called."""
    state: PresenceState
    """What it does."""
    since: datetime.datetime
    """Since when it does that."""

    @classmethod
    def of(cls, present: Present) -> PresentDevice:
        return cls(
            session_id=strawberry.ID(str(present.session_id)),
            device_name=present.name,
            state=PresenceState(present.state),
            since=present.since,
        )


@object_type
class ConversationPresence:
    """Who is at a conversation."""

    devices: list[PresentDevice]
    """All devices that are there, in the order in which they came. The caller's own is one of them."""


@subscription
async def presence(
    info: Info,
    conversation_id: Annotated[strawberry.ID, strawberry.argument(description="The conversation to watch.")],
) -> AsyncIterator[ConversationPresence]:
    """Which of the user's devices are at a conversation: now, and at each change.

    What is lost on the way is mended when a device says again what it does, so a list may be wrong for some seconds.
    """
    id = await info.context.require("conversations", conversation_id, "conversation_id")
    await info.context.release()
    return _watch(info.context, cast("UUID", id))


async def _watch(context: Context, id: UUID) -> AsyncIterator[ConversationPresence]:
    async with aclosing(context.presence.watch(context.user_id, id)) as lists:
        async for present in lists:
            yield ConversationPresence(devices=[PresentDevice.of(each) for each in present])
