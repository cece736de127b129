"""The webhook of Polar: keeps users' subscriptions, and with them their plans.

Nothing in a request counts before its signature is verified. A body is read only after headers that may be right, and
one network cannot take up all the room with bodies that it sends slowly. No user is stamped on a connection: the
function in the database that records the event finds the user by itself. Polar repeats an event until it is answered
with a 2xx, so what will never have an effect is answered with 202 as well, and logged without its content.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import orjson
import structlog
from aiohttp import web

from gateway.auth.network import network_of
from gateway.data.driver.failure import translated_errors
from gateway.data.pool import Pool
from gateway.data.queries import sql
from gateway.errors import Overloaded, Unavailable
from gateway.http.answer import HttpError
from gateway.http.options import Options
from gateway.http.plain.body import read_body
from gateway.http.polar import signature
from gateway.http.polar.event import PROVIDER, Ignored, Malformed, SubscriptionState, read_event
from gateway.http.request.client import client_of

PATH = "/hooks/polar"

MOST_BYTES = 256 * 1024
"""Of a body. Polar's events have some kilobytes."""
MOST_AT_ONCE = 100
"""Requests that are read at the same time, in each process."""
MOST_OF_A_NETWORK = 10
"""Of these."""
READING_SECONDS = 10.0
RETRY_SECONDS = 5

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class PolarWebhook:
    """Answers Polar's requests."""

    pool: Pool
    """Of connections for background work."""
    keys: Sequence[bytes] = field(repr=False)
    """Of the signatures. While secrets are changed, there are several."""
    plans: Mapping[str, str]
    """The plans by the ids of their products at Polar."""
    committed: Callable[[UUID], None]
    """Called with the user whose subscription has changed."""
    options: Options
    _reading: Counter[str] = field(default_factory=Counter)
    """How many requests are being read, by network."""

    def routes(self) -> list[web.RouteDef]:
        """The route of the webhook."""
        return [web.post(PATH, self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        """Record an event."""
        if not signature.is_plausible(request.headers, time.time()):
            return _refused()
        network = network_of(client_of(request.headers, request.remote, self.options).address)
        if self._reading[network] >= MOST_OF_A_NETWORK or self._reading.total() >= MOST_AT_ONCE:
            return _later()
        self._reading[network] += 1
        try:
            body = await read_body(request, limit=MOST_BYTES, seconds=READING_SECONDS)
        except HttpError as error:
            return _answer(error.status, str(error), error.headers)
        finally:
            self._reading[network] -= 1
            self._reading += Counter()  # forgets networks without requests
        if not signature.is_authentic(request.headers, body, self.keys, time.time()):
            return _refused()
        return await self._record(request.headers[signature.ID], body)

    async def _record(self, event_id: str, body: bytes) -> web.Response:
        try:
            state = read_event(orjson.loads(body), self.plans)
        except Ignored as ignored:
            _log.info("polar.ignored", event_id=event_id, reason=str(ignored))
            return _answer(202, "ignored")
        except (Malformed, orjson.JSONDecodeError) as malformed:
            where = str(malformed) if isinstance(malformed, Malformed) else "it is not JSON"
            _log.warning("polar.malformed", event_id=event_id, field=where)
            return _answer(400, "malformed")
        try:
            outcome = await self._write(event_id, state)
        except (Overloaded, Unavailable):
            return _later()
        if outcome == "written":
            self.committed(state.account)
        else:
            _log.info("polar.no_effect", event_id=event_id, reason=outcome)
        return _answer(202, outcome)

    async def _write(self, event_id: str, state: SubscriptionState) -> str:
        query = sql.plans.subscription.record
        values = {"provider": PROVIDER, "event_id": event_id, **dataclasses.asdict(state)}
        async with self.pool.connection() as connection:
            with translated_errors(connection):
                (row,) = await connection.fetch(query.text, *query.arguments(None, values))
        return str(row["outcome"])


def _answer(status: int, outcome: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"outcome": outcome}, status=status, headers={**_HEADERS, **(headers or {})})


def _refused() -> web.Response:
    _log.warning("polar.refused", reason="the signature is missing, wrong or too old")
    return _answer(401, "not signed")


def _later() -> web.Response:
    return _answer(503, "try again", {"Retry-After": str(RETRY_SECONDS)})
