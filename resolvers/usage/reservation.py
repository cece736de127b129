"""Reservations: an estimate of a model call's usage, held against the quotas until the call is recorded.

The usage is recorded with the id of its reservation, which settles it in the same transaction.
"""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal

import strawberry

from gateway import (
    Conflict,
    Info,
    Node,
    NotFound,
    create,
    entity,
    enum_type,
    id_of,
    input_type,
    mutation,
    standard,
    values_of,
)


@enum_type
class ReservationStatus(enum.Enum):
    """What came of a reservation."""

    HELD = "held"
    """It counts against the quotas until `expiresAt`."""
    SETTLED = "settled"
    """Its usage is recorded, and counts instead."""
    RELEASED = "released"
    """It was given back with `releaseUsage`."""
    EXPIRED = "expired"
    """It was neither recorded nor given back in time, and no longer counts."""


@entity("usage_reservations", order="-created_at", derived={"status": "usage_reservation_status"})
class UsageReservation(Node):
    """An estimate of the usage of a model call, held against the quotas for 15 minutes.

    `status` is worked out when it is read, so neither settling nor expiry changes `version` or reaches subscribers.
    """

    provider: str
    """The model provider, such as `openai`, in lower case."""
    model: str
    """The model, such as `gpt-4o-mini`."""
    automation: str | None
    """The automation that makes the call; null if a person does."""
    used_own_api_key: bool
    """Whether the call uses the user's own API key."""
    estimated_input_tokens: int
    """The tokens that will be sent to the model."""
    estimated_output_tokens: int
    """The most tokens that the model will generate."""
    estimated_cost_usd: Decimal | None
    """The estimated cost in US dollars; null if the price of the model is not known."""
    status: ReservationStatus
    """What came of it."""
    expires_at: datetime.datetime
    """When it stops counting if its usage is not recorded. It is removed a day later."""


standard(UsageReservation, without=("create", "update"))


@input_type
class ReserveUsageInput:
    """The estimated usage of a model call."""

    provider: str
    """The model provider, such as `openai`, up to 50 characters. It is compared without regard to case and surrounding
    space, and stored in lower case. The call must be recorded with the same one."""
    model: str
    """The model, such as `gpt-4o-mini`, as it will be recorded. If the provider answers with another model, record that
    one."""
    id: strawberry.ID | None = strawberry.UNSET
    """The id of the reservation, a UUID, under which `recordUsage` will record the call. Sent again with the same
    values, it is held once."""
    estimated_input_tokens: int | None = strawberry.UNSET
    """The tokens that will be sent to the model."""
    estimated_output_tokens: int | None = strawberry.UNSET
    """The most tokens that the model will generate."""
    estimated_cost_usd: Decimal | None = strawberry.UNSET
    """The cost in US dollars. Defaults to the price of the tokens. Required if the price of the model is not known and
    a hard quota limits the cost."""
    automation: str | None = strawberry.UNSET
    """The automation that makes the call; null if a person does."""
    used_own_api_key: bool | None = strawberry.UNSET
    """Whether the call uses the user's own API key. Quotas count it only if they say so. It is stored as true only if
    the user has an active key of this provider. The call must be recorded with the same. Defaults to false."""


@mutation(scope="usage:write")
async def reserve_usage(info: Info, input: ReserveUsageInput) -> UsageReservation:
    """Hold the estimated usage of a model call against the quotas for 15 minutes.

    A `CONFLICT` describes the hard quota that leaves too little, what remains, and when it resets. Its `field` is the
    one by which the call could be made to fit; null if there is none, and only waiting helps. Record the call with
    `recordUsage` and the same id, which settles the reservation, or give it back with `releaseUsage`.
    """
    async with info.context.autocommit() as db:
        return await create(db, UsageReservation, values_of(input))


@input_type
class ReleaseUsageInput:
    """The reservation to give back."""

    id: strawberry.ID
    """The id of the reservation, a UUID."""


@mutation(scope="usage:write")
async def release_usage(info: Info, input: ReleaseUsageInput) -> UsageReservation:
    """Give back a reservation whose call is not made. If that is done already, it is returned unchanged."""
    id = id_of(input.id)
    async with info.context.autocommit() as db:
        released, held = {"status": ReservationStatus.RELEASED}, {"status": ReservationStatus.HELD}
        reservation = await db.update(UsageReservation, id, released, guard=held) or await db.get(UsageReservation, id)
    if reservation is None:
        raise NotFound("There is no such usage reservation.", field="id")
    if reservation.status is ReservationStatus.SETTLED:
        raise Conflict("The usage of this reservation is recorded already.", field="id", current=reservation)
    return reservation
