"""Reservations are removed a day after they expired."""

from __future__ import annotations

import uuid

import asyncpg

from resolvers.removal.expiry import expire
from tests.kit.database import Database
from tests.kit.serving import Client
from tests.work.running import ran

AGE = "UPDATE usage_reservations SET expires_at = clock_timestamp() - make_interval(hours => $2) WHERE user_id = $1"
LISTED = "{ viewer { usageReservations { nodes { status } } } }"


async def statuses(user: Client) -> list[str]:
    return [each["status"] for each in (await user.data(LISTED))["viewer"]["usageReservations"]["nodes"]]


async def test_a_reservation_is_shown_for_a_day_after_it_expired(
    user: Client, database: Database, superuser: asyncpg.Connection
) -> None:
    id = uuid.UUID(user.user_id)
    call = {"provider": "openai", "model": "any"}
    await user.make("reserveUsage", "usageReservation", **call)
    settled = (await user.make("reserveUsage", "usageReservation", **call))["id"]
    await user.make("recordUsage", "usageLog", id=settled, **call)
    assert await statuses(user) == ["SETTLED", "HELD"]
    await superuser.execute(AGE, id, 23)
    await ran(expire, database)
    assert await statuses(user) == ["SETTLED", "EXPIRED"]
    await superuser.execute(AGE, id, 25)
    assert id in await ran(expire, database)
    assert await statuses(user) == []
    # The usage stays, and its id is not for another reservation.
    payload = await user.mutate("reserveUsage", "usageReservation { id }", id=settled, **call)
    assert [each["code"] for each in payload["userErrors"]] == ["CONFLICT"]
