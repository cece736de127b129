"""What the gateway does with the secrets of a user, without a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from gateway.data.driver.stamp import Stamp
from gateway.data.tenancy import Tenant
from gateway.vault.vault import Vault
from tests.kit.serving import Client, Serving


@dataclass(frozen=True, slots=True)
class Acting:
    """Acts for a user, as a job does."""

    vault: Vault
    tenant: Tenant

    def transaction(self):  # type: ignore[no-untyped-def]
        """Statements on behalf of the user."""
        return self.tenant.transaction()


@asynccontextmanager
async def caller_for(serving: Serving, client: Client) -> AsyncIterator[Acting]:
    """Acts for the user of a client, with the vault of the module's gateway."""
    resources = serving.gateway.resources
    stamp = Stamp(UUID(client.user_id), None, "system")
    tenant = Tenant(resources.pool, stamp, committed=lambda _: None)
    try:
        yield Acting(resources.vault, tenant)
    finally:
        await tenant.close()
