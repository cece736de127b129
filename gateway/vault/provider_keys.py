"""The keys of model providers, as the gateway itself uses them. No field of the API returns one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gateway.data.queries import Query, sql
from gateway.vault.row_secrets import Caller, place_in
from gateway.vault.secret import Secret

_USUAL_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class OpenedKey:
    """A provider's key, ready to be used for one call."""

    id: UUID
    provider: str
    base_url: str | None
    """Where the provider is; None for its usual address."""
    generation: int
    """How often the key had been written when it was opened."""
    secret: Secret


def bound_to(provider: str, base_url: str | None) -> tuple[str, ...]:
    """What a key is bound to. So that whoever changes the base URL gets no key, it opens for one server only."""
    return provider, "" if base_url is None else origin_of(base_url)


def origin_of(url: str) -> str:
    """The scheme, the host and the port of a base URL: of equal origins are only URLs of the same server."""
    scheme, _, rest = url.lower().partition("://")
    return f"{scheme}://{rest.partition('/')[0].removesuffix(_USUAL_PORTS.get(scheme, ''))}"


async def open_key(caller: Caller, provider: str) -> OpenedKey | None:
    """Open the key that the user's calls of a provider use at this moment.

    It is the default key of the user's configuration if that can be used, else the newest one that is active and has
    not expired; None if there is none. Await it before a call of the provider, keep the secret no longer than the call,
    and call `record_key_use` when the key has been sent. Raises `CannotOpen` if it was tampered with, or stored while
    the base URL led to another server. Do not call it within a transaction of the same caller.
    """
    return await _open(caller, sql.accounts.provider_key.in_use, provider=provider)


async def open_key_by_id(caller: Caller, id: UUID) -> OpenedKey | None:
    """Open one key of the user, whether or not it is active, as `open_key` does; None if it is deleted or not there."""
    return await _open(caller, sql.accounts.provider_key.by_id, id=id)


async def record_key_use(caller: Caller, key: OpenedKey) -> None:
    """Note that a key has been sent to its provider: as the time of its last use, to the minute, and in the audit.

    If the key has been replaced since it was opened, nothing is noted. Do not call it within a transaction of the same
    caller.
    """
    async with caller.transaction() as db:
        await db.row(sql.accounts.provider_key.used, id=key.id, generation=key.generation)


async def _open(caller: Caller, query: Query, **values: Any) -> OpenedKey | None:
    async with caller.transaction() as db:
        row = await db.row(query, **values)
        if row is None:
            return None
        details = bound_to(row["provider"], row["base_url"])
        place = place_in(db, "provider_keys", "sealed_key", row["id"], row["generation"], details)
        secret = await caller.vault.open(db, row["sealed"], place)
    return OpenedKey(row["id"], row["provider"], row["base_url"], row["generation"], secret)
