"""Seals and opens the secrets of users with their data keys."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog

from gateway.data.queries import sql
from gateway.data.writing import Statements
from gateway.errors import Unavailable
from gateway.vault.sealing import Key, Place
from gateway.vault.secret import Secret
from gateway.vault.wrapping import CannotWrap, KeyWrapper, Wrapped

KEPT_SECONDS = 5 * 60
"""How long an unwrapped data key stays in memory. So long, a process may still open secrets of a removed user."""
MOST_KEPT = 1_000

log = structlog.stdlib.get_logger(__name__)


class Vault:
    """Seals and opens the secrets of users. Every statement is on behalf of the user whose secret it is."""

    def __init__(
        self, wrapper: KeyWrapper, *, capacity: int = MOST_KEPT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keeps at most `capacity` data keys. `clock` returns monotonic seconds."""
        self._wrapper = wrapper
        self._capacity = capacity
        self._clock = clock
        self._keys: OrderedDict[UUID, tuple[float, Key]] = OrderedDict()

    async def seal(self, db: Statements, secret: Secret, place: Place) -> bytes:
        """Seal a secret of the caller for this place. The caller's data key is made at the first time.

        Raises `Unavailable` if the operator's keys do not allow it.
        """
        key = await self._key(db)
        return key.seal(secret.reveal().encode(), place.parts())

    async def open(self, db: Statements, sealed: bytes, place: Place) -> Secret:
        """Open a secret of the caller, which was sealed for this place. Raises `CannotOpen`."""
        key = await self._key(db)
        return Secret(key.open(sealed, place.parts()).decode())

    async def fingerprint(self, db: Statements, secret: Secret) -> str:
        """A hash of a secret that only the caller's data key can make, to recognise a repeated request."""
        return (await self._key(db)).fingerprint(secret.reveal().encode())

    async def _key(self, db: Statements) -> Key:
        kept = self._keys.get(db.user_id)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        row = await db.row(sql.vault.data_key.read) or await self._make(db)
        key = await self._wrapper.unwrap(Wrapped(row["key_id"], row["wrapped"]), db.user_id)
        self._keys[db.user_id] = self._clock() + KEPT_SECONDS, key
        self._keys.move_to_end(db.user_id)
        while self._keys and (len(self._keys) > self._capacity or next(iter(self._keys.values()))[0] <= self._clock()):
            self._keys.popitem(last=False)
        return key

    async def _make(self, db: Statements) -> Any:
        try:
            wrapped = await self._wrapper.wrap(Key.new(), db.user_id)
        except CannotWrap as error:
            log.error("A secret cannot be stored.", reason=str(error))
            raise Unavailable("Secrets cannot be stored at the moment. Ask the operator.") from error
        # If another process was first, its key is the user's.
        row = await db.row(sql.vault.data_key.keep, key_id=wrapped.key_id, wrapped=wrapped.text)
        if row is None:
            log.error("A secret cannot be stored.", reason="The newest key-encryption key was dropped.")
            raise Unavailable("Secrets cannot be stored at the moment. Ask the operator.")
        return row
