"""The keys of model providers, as the gateway itself uses them. No field of the API returns one."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from gateway.data.queries import Query, sql
from gateway.data.writing import Statements
from gateway.vault.sealing import Place
from gateway.vault.secret import Secret
from gateway.vault.vault import Vault

PURPOSE = "provider_keys.sealed_key"
_USUAL_PORTS = {"http": ":80", "https": ":443"}


class Caller(Protocol):
    """Acts for a user: the context of an operation, or the work of a job."""

    @property
    def vault(self) -> Vault:
        """What opens the user's secrets."""

    def transaction(self) -> AbstractAsyncContextManager[Statements]:
        """Statements on behalf of the user."""


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A provider's key, ready to be used for one call."""

    id: UUID
    provider: str
    base_url: str | None
    """Where the provider is; None for its usual address."""
    secret: Secret


def place_of(user_id: UUID, id: UUID, provider: str, base_url: str | None, generation: int) -> Place:
    """What a key is sealed for. So that whoever changes the base URL gets no key, it opens for one server only."""
    return Place(user_id, id, PURPOSE, generation, (provider, "" if base_url is None else origin_of(base_url)))


def origin_of(url: str) -> str:
    """The scheme, the host and the port of a base URL: of equal origins are only URLs of the same server."""
    scheme, _, rest = url.lower().partition("://")
    return f"{scheme}://{rest.partition('/')[0].removesuffix(_USUAL_PORTS.get(scheme, ''))}"


async def open_key(caller: Caller, provider: str) -> OpenedKey | None:
    """Open the key that the user's calls of a provider use at this moment, and note that it is used.

    It is the default key of the user's configuration if that can be used, else the newest one that is active and has
    not expired; None if there is none. Await it before a call of the provider, and keep the secret no longer than the
    call. Raises `CannotOpen` if it was tampered with, or stored while the base URL led to another server. Do not call
    it within a transaction of the same caller.
    """
    return await _open(caller, sql.accounts.provider_key.in_use, provider=provider)


async def open_key_by_id(caller: Caller, id: UUID) -> OpenedKey | None:
    """Open one key of the user, whether or not it is active, as `open_key` does; None if it is deleted or not there."""
    return await _open(caller, sql.accounts.provider_key.by_id, id=id)


async def _open(caller: Caller, query: Query, **values: Any) -> OpenedKey | None:
    async with caller.transaction() as db:
        row = await db.row(query, **values)
        if row is None:
            return None
        place = place_of(db.user_id, row["id"], row["provider"], row["base_url"], row["generation"])
        secret = await caller.vault.open(db, row["sealed"], place)
        await db.row(sql.accounts.provider_key.used, id=row["id"])
    return OpenedKey(row["id"], row["provider"], row["base_url"], secret)
