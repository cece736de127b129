"""The usage log: one immutable entry per model call.

The database updates the totals per day and per conversation in the transaction that adds the entry.
"""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal

import strawberry

from gateway import Info, Node, create, entity, enum_type, in_bulk, input_type, maybe, mutation, values_of


@enum_type
class CostSource(enum.Enum):
    """Where the cost of a model call comes from."""

    STATED = "stated"
    """Stated by whoever recorded the call."""
    CATALOGUE = "catalogue"
    """The tokens times the prices of the model at the time of the call, rounded up to 0.000001 US dollars."""
    UNKNOWN = "unknown"
    """Nobody stated it, and the model or its price was not known. The cost counts as 0."""


@input_type
class UsageLogFilter:
    """Conditions for the usage log. Each entry meets all that are set."""

    provider: list[str] | None = None
    """Of one of these model providers, in lower case."""
    model: list[str] | None = None
    """Of one of these models."""
    automation: list[str | None] | None = None
    """Made by one of these automations. A null in the list stands for none."""
    purpose: list[str | None] | None = None
    """With one of these purposes. A null in the list stands for none."""
    used_own_api_key: bool | None = None
    """Whether the call used an API key of the user's."""
    api_key_id: list[strawberry.ID | None] | None = None
    """Made with one of these API keys of the user's. A null in the list stands for none."""
    created_from: datetime.datetime | None = None
    """Logged at or after this time."""
    created_before: datetime.datetime | None = None
    """Logged before this time."""


@entity("usage_logs", order="-created_at", filter=UsageLogFilter)
class UsageLog(Node):
    """An entry of the usage log: one call of a model, with its tokens and cost."""

    provider: str
    """The model provider, such as `openai`, in lower case."""
    model: str
    """The model that was called, such as `gpt-4o-mini`."""
    input_tokens: int
    """The number of tokens sent to the model."""
    output_tokens: int
    """The number of tokens that the model generated."""
    cached_input_tokens: int
    """How many of the input tokens were read from the provider's cache."""
    cache_write_input_tokens: int
    """How many of the input tokens were written to the provider's cache."""
    reasoning_tokens: int
    """How many of the output tokens were reasoning, which the answer does not show."""
    total_tokens: int
    """The sum of input and output tokens."""
    cost_usd: Decimal
    """The cost in US dollars."""
    cost_source: CostSource
    """Where the cost comes from."""
    input_usd_per_million: Decimal | None
    """The price of a million input tokens in US dollars by which the cost was worked out. It stays the same when the
    price of the model changes. Null unless `costSource` is `CATALOGUE`."""
    output_usd_per_million: Decimal | None
    """The price of a million output tokens in US dollars by which the cost was worked out. Null unless `costSource` is
    `CATALOGUE`."""
    cache_read_usd_per_million: Decimal | None
    """The price of a million input tokens that were read from the provider's cache, in US dollars. If null, they cost
    as much as other input tokens."""
    cache_write_usd_per_million: Decimal | None
    """The price of a million input tokens that were written to the provider's cache, in US dollars. If null, they cost
    as much as other input tokens."""
    used_own_api_key: bool
    """Whether the call used the user's own API key."""
    api_key_id: strawberry.ID | None
    """The id of the user's API key; null if unknown."""
    automation: str | None
    """The automation that made the call; null if a person did."""
    purpose: str | None
    """The purpose of the call, such as `classification`; null if unknown."""
    is_over_quota: bool
    """Whether it went beyond what a hard quota left, because it was not reserved or cost more than that."""
    conversation_id: strawberry.Private[strawberry.ID | None]
    message_id: strawberry.Private[strawberry.ID | None]

    api_key = maybe("ProviderKey", key="api_key_id")
    """The user's API key that paid for the call; null if none did or it is unknown."""
    conversation = maybe("Conversation", key="conversation_id")
    """The conversation that the call was made for."""
    message = maybe("Message", key="message_id")
    """The message that the call produced."""


@input_type
class RecordUsageInput:
    """A new entry for the usage log."""

    provider: str
    """The model provider, such as `openai`, up to 50 characters. It is compared without regard to case and surrounding
    space, and stored in lower case."""
    model: str
    """The model that was called, such as `gpt-4o-mini`."""
    id: strawberry.ID | None = strawberry.UNSET
    """The id of the new entry, a UUID. Sent again with the same values, it is counted once. If it is the id of a
    reservation, that is settled. The reservation must be one for this provider, with the same `usedOwnApiKey`; the
    model may be another, which the provider answered with."""
    conversation_id: strawberry.ID | None = strawberry.UNSET
    """The conversation that the call was made for."""
    message_id: strawberry.ID | None = strawberry.UNSET
    """The message that the call produced. Requires `conversationId`."""
    input_tokens: int | None = strawberry.UNSET
    """The number of tokens sent to the model."""
    output_tokens: int | None = strawberry.UNSET
    """The number of tokens that the model generated."""
    cached_input_tokens: int | None = strawberry.UNSET
    """How many of the input tokens were read from the provider's cache."""
    cache_write_input_tokens: int | None = strawberry.UNSET
    """How many of the input tokens were written to the provider's cache."""
    reasoning_tokens: int | None = strawberry.UNSET
    """How many of the output tokens were reasoning."""
    cost_usd: Decimal | None = strawberry.UNSET
    """The cost in US dollars, as the caller knows it. If omitted, it is worked out from the tokens and the present
    prices of the model; if these are not known, it is 0. See `UsageLog.costSource`."""
    used_own_api_key: bool | None = strawberry.UNSET
    """Whether the call used the user's own API key. It is stored as true only if the user has an active key of this
    provider, or if `apiKeyId` names a key of this provider, with which it is always true."""
    api_key_id: strawberry.ID | None = strawberry.UNSET
    """The user's API key that paid for the call. It must be one of this provider."""
    automation: str | None = strawberry.UNSET
    """The automation that made the call; null if a person did."""
    purpose: str | None = strawberry.UNSET
    """The purpose of the call, such as `classification`."""


@mutation(scope="usage:write")
async def record_usage(info: Info, input: RecordUsageInput) -> UsageLog:
    """Add an entry to the usage log. Sent again with the same id and values, it is counted once."""
    async with info.context.autocommit() as db:
        return await create(db, UsageLog, values_of(input))


record_usages = in_bulk(record_usage)
