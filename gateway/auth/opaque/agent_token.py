"""Verifies the tokens of agents.

What the database says of a token is remembered for a minute, so a process that missed a revocation learns of it then. A
token that is not remembered must be looked up, which waits for the database; `verify` itself never waits, since it runs
for each request.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import orjson
import structlog

from gateway.auth.identity import Identity
from gateway.auth.network import network_of
from gateway.auth.opaque.opaque_token import PresentedToken, TokenForm
from gateway.auth.revocation import Revocations
from gateway.auth.throttle import Throttle
from gateway.data.pool import Pool
from gateway.data.queries import sql
from gateway.data.tenancy import rows_as_system
from gateway.errors import ParleyError, Unauthenticated, Unavailable

PREFIX = "pla_"
NOT_VALID = "The agent's token is not valid."
EXPIRED = "The agent's token has expired."
REVOKED = "The agent's token has been revoked."

AGENT = TokenForm(PREFIX, b"parley agent token 1\0", NOT_VALID)

REMEMBERED_SECONDS = 60.0
RECORD_SECONDS = 60.0
"""How often the times of use are written."""

_log = structlog.get_logger(__name__)


class NotLookedUp(Exception):
    """The token of an agent is genuine, but must be looked up before it proves an identity."""

    def __init__(self, look_up: Callable[[str | None], Awaitable[Identity]]) -> None:
        super().__init__()
        self.look_up = look_up
        """Call it with the client's address. Raises `Unauthenticated`, `Overloaded` after many failures from the
        address, and `Unavailable`."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the database said of a token."""

    outcome: Identity | str
    """The identity that it proves, or why it is refused."""
    until: float
    """When it must be looked up again, in seconds since 1970."""
    end: float
    """When it expires, likewise."""


class AgentTokens:
    """The tokens of agents, as one process knows them. The `remembered` most recently used ones are kept."""

    def __init__(
        self,
        key: bytes,
        pool: Pool,
        revocations: Revocations,
        throttle: Throttle,
        *,
        seconds: float,
        remembered: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`throttle` counts look-ups that fail, by network. Nobody waits for one longer than `seconds`.

        `clock` returns seconds since 1970.
        """
        self._key = key
        self._pool = pool
        self._revocations = revocations
        self._throttle = throttle
        self._seconds = seconds
        self._remembered = remembered
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._running: dict[str, asyncio.Task[Identity]] = {}
        self._used: dict[UUID, set[UUID]] = {}
        """The tokens whose use is to be recorded, by user."""

    def __len__(self) -> int:
        """The number of tokens remembered."""
        return len(self._known)

    def verify(self, text: str) -> Identity:
        """The identity that a token proves. Raises `Unauthenticated`, and `NotLookedUp` if it is not remembered."""
        known, now = self._known.get(text), self._clock()
        if known is None or now >= known.until:
            raise NotLookedUp(partial(self._look_up, text, AGENT.parse(text, self._key)))
        self._known.move_to_end(text)
        return self._proven(known, now)

    def _proven(self, known: _Known, now: float) -> Identity:
        if isinstance(known.outcome, str):
            raise Unauthenticated(known.outcome)
        if self._revocations.has(known.outcome.credential_id):
            raise Unauthenticated(REVOKED)
        if now >= known.end:
            raise Unauthenticated(EXPIRED)
        return known.outcome

    async def _look_up(self, text: str, presented: PresentedToken, address: str | None) -> Identity:
        """Look a genuine token up, once for all requests that wait for it."""
        task = self._running.get(text)
        if task is None:
            task = self._running[text] = asyncio.create_task(self._looked_up(text, presented, address))
            task.add_done_callback(partial(self._ended, text))
        try:
            async with asyncio.timeout(self._seconds):
                # A client that gives up must not end what others wait for.
                identity = await asyncio.shield(task)
        except TimeoutError:
            raise Unavailable("The agent's token could not be looked up. Try again soon.", retryAfter=1) from None
        # It may have been revoked since, and nothing that is opened now would be closed for it.
        if self._revocations.has(identity.credential_id):
            raise Unauthenticated(REVOKED)
        return identity

    def _ended(self, text: str, task: asyncio.Task[Identity]) -> None:
        del self._running[text]
        if not task.cancelled():
            task.exception()  # all that waited for it may have given up

    async def _looked_up(self, text: str, presented: PresentedToken, address: str | None) -> Identity:
        network, was_known = network_of(address), text in self._known
        if not was_known:
            self._throttle.check(network)
        outcome = self._throttle.abandoned
        try:
            known = await self._read(presented)
            outcome = self._throttle.failed if isinstance(known.outcome, str) else self._throttle.succeeded
        finally:
            if not was_known:
                outcome(network)
        self._remember(text, known)
        identity = self._proven(known, self._clock())
        self.used(identity)
        return identity

    async def _read(self, presented: PresentedToken) -> _Known:
        rows = await rows_as_system(self._pool, presented.user_id, sql.accounts.agent_token.find, id=presented.id)
        until = self._clock() + REMEMBERED_SECONDS
        row = rows[0] if rows else None
        if row is None or not hmac.compare_digest(row["hash"], presented.hash) or not row["has_account"]:
            return _Known(NOT_VALID, until, until)
        if row["revoked_at"] is not None:
            return _Known(REVOKED, until, until)
        if row["has_expired"]:
            return _Known(EXPIRED, until, until)
        identity = Identity(
            presented.user_id,
            row["id"],
            "agent",
            frozenset(orjson.loads(row["scopes"])),
            row["expires_at"],
            str(presented.id),
        )
        return _Known(identity, until, identity.expires_at.timestamp())

    def _remember(self, text: str, known: _Known) -> None:
        self._known[text] = known
        self._known.move_to_end(text)
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)

    def used(self, identity: Identity) -> None:
        """Note that a token is in use, to be recorded with the next ones."""
        self._used.setdefault(identity.user_id, set()).add(identity.credential_id)

    async def keep_recording(self, connected: Callable[[], Iterable[Identity]]) -> None:
        """Record every minute which tokens were used, or are those of open sockets. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(RECORD_SECONDS)
            for identity in connected():
                if identity.actor == "agent":
                    self.used(identity)
            await self.record()

    async def record(self) -> None:
        """Write the time of use of the tokens that were used, with one statement for each user."""
        used, self._used = self._used, {}
        for user_id, ids in used.items():
            try:
                await rows_as_system(self._pool, user_id, sql.accounts.agent_token.record_use, ids=list(ids))
            except ParleyError as error:
                _log.warning("agent_tokens.use_not_recorded", error=type(error).__name__)
                return

    async def close(self) -> None:
        """Let the look-ups end, and record what was used."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self.record()
