"""The usage log: one line per model call, never changed.

The sums per day and per conversation are kept by the database in the transaction that writes the line.
"""

from __future__ import annotations

import datetime
from decimal import Decimal

import strawberry

from gateway import Info, Node, create, entity, given, input_type, maybe, mutation


@input_type
class UsageLogFilter:
    """Conditions on the usage log. All that are given must hold."""

    provider: list[str] | None = None
    """Of any of these providers."""
    model: list[str] | None = None
    """Of any of these models."""
    created_from: datetime.datetime | None = None
    """Made at this time or later."""
    created_before: datetime.datetime | None = None
    """Made before this time."""


@entity("usage_logs", order="-created_at", filter=UsageLogFilter)
class UsageLog(Node):
    """One call of a model, with its tokens and its price."""

    provider: str
    """Who ran the model."""
    model: str
    """The model that was called."""
    input_tokens: int
    """Tokens sent to the model."""
    output_tokens: int
    """Tokens that the model gave."""
    total_tokens: int
    """Both together."""
    cost_usd: Decimal
    """Its price in US dollars."""
    used_own_api_key: bool
    """Whether it was paid with the user's own key."""
    api_key_id: strawberry.ID | None
    """The user's key that paid for it."""
    automation: str | None
    """What made the call when it was not a person."""
    purpose: str | None
    """What the call was for, such as `classification`."""
    conversation_id: strawberry.Private[strawberry.ID | None]
    message_id: strawberry.Private[strawberry.ID | None]

    conversation = maybe("Conversation", key="conversation_id")
    """The conversation it was made for."""
    message = maybe("Message", key="message_id")
    """The message it made."""


@input_type
class RecordUsageInput:
    """A line for the usage log."""

    provider: str
    """Who ran the model."""
    model: str
    """The model that was called."""
    id: strawberry.ID | None = strawberry.UNSET
    """The new line's id, a UUID made by the client; sent again with the same values, it is counted once."""
    conversation_id: strawberry.ID | None = strawberry.UNSET
    """The conversation it was made for."""
    message_id: strawberry.ID | None = strawberry.UNSET
    """The message it made; given together with its conversation."""
    input_tokens: int | None = strawberry.UNSET
    """Tokens sent to the model."""
    output_tokens: int | None = strawberry.UNSET
    """Tokens that the model gave."""
    cost_usd: Decimal | None = strawberry.UNSET
    """Its price in US dollars."""
    used_own_api_key: bool | None = strawberry.UNSET
    """Whether it was paid with the user's own key."""
    automation: str | None = strawberry.UNSET
    """What made the call when it was not a person."""
    purpose: str | None = strawberry.UNSET
    """What the call was for."""


@mutation
async def record_usage(info: Info, input: RecordUsageInput) -> UsageLog:
    """Write a line into the usage log. Sent again with the same id and values, it is counted once."""
    async with info.context.autocommit() as db:
        return await create(db, UsageLog, given(input))
