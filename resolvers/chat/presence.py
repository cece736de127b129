"""Presence: which of the user's devices show a conversation, and on which somebody is typing. It is never stored."""

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
    """What a device is doing with a conversation."""

    LOOKING = "looking"
    """The device shows the conversation. Lasts 30 seconds unless signalled again."""
    TYPING = "typing"
    """Somebody is typing on the device. Lasts 6 seconds unless signalled again."""
    AWAY = ""
    """The device no longer shows the conversation. It is not listed."""


_LIVES = {PresenceState.LOOKING: 30.0, PresenceState.TYPING: 6.0, PresenceState.AWAY: 30.0}
"""How long each state lasts, in seconds. `AWAY` is kept as long as the state that it may replace."""


@input_type
class SignalPresenceInput:
    """What the caller's device is doing."""

    conversation_id: strawberry.ID
    """The conversation that the device shows, or has left."""
    state: PresenceState
    """The new state. Signal every change, and repeat `LOOKING` every 10 seconds and `TYPING` every 2 seconds."""


@payload
class SignalledPresence:
    state: PresenceState
    """The state that was signalled."""
    seconds: float
    """How long the state lasts unless signalled again, in seconds."""


@mutation(scope="messages:write")
async def signal_presence(info: Info, input: SignalPresenceInput) -> SignalledPresence:
    """Signal what the caller's device is doing with a conversation to subscribers of `presence`. It is not stored."""
    context, id = info.context, id_of(input.conversation_id, "conversation_id")
    known = context.presence.known(context.user_id, id, context.credential_id)
    name = known.name if known else await _device_name(context, id)
    life = _LIVES[input.state]
    context.presence.announce(context.user_id, id, context.credential_id, name, input.state.value, life)
    return SignalledPresence(state=input.state, seconds=life)


async def _device_name(context: Context, id: UUID) -> str | None:
    """The name of the caller's device, or of an agent's token. Raises `NotFound` if there is no such conversation."""
    found = await context.rows(sql.chat.presence.device, id=id, credential_id=context.credential_id)
    if not found:
        raise NotFound("There is no such conversation.", field="conversation_id")
    name: str | None = found[0]["device_name"]
    return name


@object_type
class PresentDevice:
    """A device of the user that shows a conversation."""

    session_id: strawberry.ID
    """The id of the session of the device or, for an agent, of its token."""
    device_name: str | None
    """The name of the device or of the agent's token; null if it has none."""
    state: PresenceState
    """What the device is doing."""
    since: datetime.datetime
    """When the device entered this state."""

    @classmethod
    def of(cls, present: Present) -> PresentDevice:
        return cls(
            session_id=strawberry.ID(str(present.credential_id)),
            device_name=present.name,
            state=PresenceState(present.state),
            since=present.since,
        )


@object_type
class ConversationPresence:
    """The devices that show a conversation."""

    devices: list[PresentDevice]
    """The devices, including the caller's own, in the order of their arrival."""


@subscription(scope="read")
async def presence(
    info: Info,
    conversation_id: Annotated[strawberry.ID, strawberry.argument(description="The conversation to watch.")],
) -> AsyncIterator[ConversationPresence]:
    """The devices of the user that show a conversation: now, and after each change.

    If a signal is lost, the list is wrong for some seconds, until the device repeats it.
    """
    id = await info.context.require("conversations", conversation_id, "conversation_id")
    await info.context.release()
    return _watch(info.context, cast("UUID", id))


async def _watch(context: Context, id: UUID) -> AsyncIterator[ConversationPresence]:
    async with aclosing(context.presence.watch(context.user_id, id)) as lists:
        async for present in lists:
            yield ConversationPresence(devices=[PresentDevice.of(each) for each in present])
