"""Revoked credentials: sessions that ended before their access tokens expired, and revoked tokens of agents.

Each process keeps their ids in memory and reads new ones every two seconds. So a revoked token is refused everywhere
within that time (at once in the process that revoked it), and no request queries the database for this.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable
from uuid import UUID

import asyncpg
import structlog

from gateway.data.pool import Pool
from gateway.data.queries import sql
from gateway.errors import ParleyError

_log = structlog.get_logger(__name__)

_READ_SECONDS = 2.0
_OVERLAP = datetime.timedelta(minutes=1)
"""How far back each read looks. Longer than the time from a row's timestamp to its commit."""


class Revocations:
    """The ids of revoked credentials, kept until access tokens have expired, and longer than agents' tokens are
    remembered."""

    def __init__(self, token_life: datetime.timedelta, on_revoked: Callable[[UUID], object]) -> None:
        self._token_life = token_life
        self._on_revoked = on_revoked
        self._ended: dict[UUID, datetime.datetime] = {}

    def add(self, credential_id: UUID) -> None:
        """Refuse a credential from now on, and close its sockets."""
        if credential_id not in self._ended:
            self._ended[credential_id] = datetime.datetime.now(datetime.UTC)
            self._on_revoked(credential_id)

    def has(self, credential_id: UUID) -> bool:
        """Whether the credential has been revoked."""
        return credential_id in self._ended

    async def keep_reading(self, pool: Pool) -> None:
        """Read what other processes revoke. Runs until it is cancelled."""
        within = self._token_life + _OVERLAP
        while True:
            try:
                await self._read(pool, within)
                within = _OVERLAP
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ParleyError) as error:
                within = self._token_life + _OVERLAP
                _log.warning("revocations.read_failed", error=type(error).__name__)
            self._forget()
            await asyncio.sleep(_READ_SECONDS)

    async def _read(self, pool: Pool, within: datetime.timedelta) -> None:
        async with pool.connection() as connection:
            for row in await connection.fetch(sql.accounts.session.revoked.text, within):
                self.add(row["credential_id"])

    def _forget(self) -> None:
        oldest = datetime.datetime.now(datetime.UTC) - self._token_life - 2 * _OVERLAP
        for credential_id in [id for id, at in self._ended.items() if at < oldest]:
            del self._ended[credential_id]
