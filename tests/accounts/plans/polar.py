"""Events of Polar, signed and sent to a gateway's webhook."""

from __future__ import annotations

import datetime
import itertools
import time
from typing import Any

import aiohttp
import orjson

from gateway.http.polar import signature
from tests.kit.serving import POLAR_SECRET

BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

_numbers = itertools.count(1)


def event(
    user_id: str | None,
    *,
    subscription: str = "sub-1",
    product: str = "product-pro",
    status: str = "active",
    minute: int = 0,
    **data: Any,
) -> dict[str, Any]:
    """An event about a subscription, some minutes after `BEGIN`, as far as Parley reads it, and a little more."""
    return {
        "type": "subscription.updated",
        "timestamp": (BEGIN + datetime.timedelta(minutes=minute)).isoformat().replace("+00:00", "Z"),
        "data": {
            "id": subscription,
            "status": status,
            "amount": 1000,
            "current_period_start": "2026-01-01T00:00:00Z",
            "current_period_end": "2026-02-01T00:00:00Z",
            "cancel_at_period_end": False,
            "ends_at": None,
            "ended_at": None,
            "product_id": product,
            "customer": {"id": "customer-1", "external_id": user_id, "email": "customer@example.org"},
            **data,
        },
    }


def headers(body: bytes, *secrets: str, id: str | None = None, at: float | None = None) -> dict[str, str]:
    """The headers of a webhook, signed with each of the secrets."""
    id, timestamp = id or f"msg_{next(_numbers)}", str(int(time.time() if at is None else at))
    signatures = [
        signature.signed(signature.key_of(secret), id, timestamp, body) for secret in secrets or (POLAR_SECRET,)
    ]
    return {signature.ID: id, signature.TIMESTAMP: timestamp, signature.SIGNATURE: " ".join(signatures)}


async def send(
    http: aiohttp.ClientSession, url: str, content: Any, sent: dict[str, str] | None = None
) -> tuple[int, str]:
    """Send an event, signed unless headers are given; returns the status and the outcome of the answer."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    async with http.post(f"{url}/hooks/polar", data=body, headers=headers(body) if sent is None else sent) as response:
        answer = await response.json(content_type=None) if response.content_type == "application/json" else {}
        return response.status, answer.get("outcome", "")
