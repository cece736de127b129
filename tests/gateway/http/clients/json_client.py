"""Requests by a stock client, whose answers are JSON."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson

from tests.gateway.toy import Served

JSON = {"Content-Type": "application/json"}
GRAPHQL = "application/graphql-response+json"


async def post(
    http: aiohttp.ClientSession, served: Served, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, Any, aiohttp.ClientResponse]:
    """Send a body, as JSON unless it is bytes already; an answer is always JSON with `data` or `errors`."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    async with http.post(served.url, data=data, headers={**JSON, **(headers or {})}) as response:
        answer = orjson.loads(await response.read())
        assert answer.keys() & {"data", "errors"}
        return response.status, answer, response
