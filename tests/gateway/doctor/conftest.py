"""Installations for the tests of `parley doctor`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.config import Settings
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.setup.migrate import migrate
from tests.gateway.doctor.checking import settings_on
from tests.kit.database import UNSAFE_BUT_FAST, Database, data_directory
from tests.kit.serving import settings_for


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def prepared(database: Database) -> None:
    """The module's database has the rights of its template: a clone does not."""
    await migrate(database.owner_url)


@pytest.fixture
def installed(database: Database, prepared: None, tmp_path: Path) -> Settings:
    """An installation with the module's database and a data directory of its own."""
    return settings_on(database, tmp_path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_server() -> AsyncIterator[EmbeddedDatabase]:
    """An embedded server of this module alone, whose settings may be changed."""
    with data_directory() as directory:
        server = await EmbeddedDatabase.start(directory, {**UNSAFE_BUT_FAST, "max_prepared_transactions": "2"})
        try:
            await migrate(server.owner_url)
            yield server
        finally:
            await server.stop()


@pytest.fixture
def embedded(own_server: EmbeddedDatabase) -> Settings:
    """An installation with that server."""
    return settings_for(own_server._cluster.directory.parent)
