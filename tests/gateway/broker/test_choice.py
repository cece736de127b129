"""Settings choose the broker."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from gateway.broker.choice import broker_for
from gateway.broker.process import ProcessBroker
from gateway.broker.remote import RemoteBroker
from tests.gateway.broker.ears import listening
from tests.kit.database import Database
from tests.kit.network.nats_server import NatsServer
from tests.kit.serving import serving_on, settings_for

LISTENERS = """
SELECT count(*) FROM pg_stat_activity WHERE application_name = 'parley-broker' AND datname = current_database()
"""


@pytest.mark.parametrize("url", ["postgres:", "nats"])
async def test_a_broker_with_a_carrier_connects(url: str, database: Database, server: NatsServer) -> None:
    settings = settings_for(Path(), broker_url=server.url if url == "nats" else url)
    broker = broker_for(settings, database.runtime_url)
    assert isinstance(broker, RemoteBroker)
    async with listening(broker) as ears:
        assert ears.gaps == 1


async def test_a_process_alone_holds_no_connection_to_hear_anything(
    database: Database, superuser: asyncpg.Connection, tmp_path: Path
) -> None:
    assert isinstance(broker_for(settings_for(tmp_path, broker_url="process:"), ""), ProcessBroker)
    async with serving_on(database, tmp_path, broker_url="process:") as alone:
        await alone.signed_up()
        assert await superuser.fetchval(LISTENERS) == 0
