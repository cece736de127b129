"""The carriers over which the same must hold: PostgreSQL and NATS, each real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from nats import connect

from gateway.broker import remote
from gateway.broker.nats import PREFIX, nats_broker
from gateway.broker.postgres import CHANNEL, postgres_broker
from gateway.broker.remote import RemoteBroker
from tests.kit.database import Database
from tests.kit.network.nats_server import NatsServer, nats_server

END_LISTENERS = """
SELECT pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE application_name = 'parley-broker' AND datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier, and what can happen to it."""

    broker: Callable[[], RemoteBroker]
    """Another process's broker."""
    interrupt: Callable[[], Awaitable[None]]
    """Break all connections."""
    shout: Callable[[UUID, bytes], Awaitable[None]]
    """Say something to those who watch a user, where brokers speak."""
    repeat: Callable[[UUID], Awaitable[None]]
    """Bring an old hint again."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[NatsServer]:
    """The module's NATS server."""
    async with nats_server() as made:
        yield made


@pytest_asyncio.fixture(params=["postgres", "nats"], loop_scope="module")
async def carrier(
    request: pytest.FixtureRequest,
    database: Database,
    superuser: asyncpg.Connection,
    server: NatsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Carrier:
    """Each of them in turn; nobody pauses before they connect anew."""
    monkeypatch.setattr(remote, "RECONNECT_SECONDS", 0.01)
    if request.param == "nats":
        return _nats(server)
    return _postgres(database, superuser)


def _postgres(database: Database, superuser: asyncpg.Connection) -> Carrier:
    async def end_listeners() -> None:
        await superuser.execute(END_LISTENERS)

    async def notify(user_id: UUID, payload: bytes) -> None:
        await superuser.execute("SELECT pg_notify($1, $2)", CHANNEL, payload.decode())

    async def hint(user_id: UUID) -> None:
        await notify(user_id, f"another {user_id.hex} {user_id.hex}".encode())

    return Carrier(lambda: postgres_broker(database.runtime_url), end_listeners, notify, hint)


def _nats(server: NatsServer) -> Carrier:
    async def restart() -> None:
        await server.kill()
        await server.start()

    async def publish(user_id: UUID, payload: bytes) -> None:
        async with await connect(server.url) as client:
            await client.publish(f"{PREFIX}{user_id.hex}", payload)
            await client.flush()

    async def hint(user_id: UUID) -> None:
        await publish(user_id, b"")

    return Carrier(lambda: nats_broker(server.url), restart, publish, hint)
