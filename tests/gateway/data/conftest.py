from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.data.pool import Pool
from tests.gateway.data.pools import Server
from tests.kit.database import Database


@pytest.fixture
def server(database: Database) -> Server:
    return Server(database.runtime_url)


@pytest_asyncio.fixture(loop_scope="module")
async def pool(server: Server) -> AsyncIterator[Pool]:
    made = Pool(server.connect, size=2, wait_seconds=0.1)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def patient(server: Server) -> AsyncIterator[Pool]:
    """A pool of one connection, for which one waits long."""
    made = Pool(server.connect, size=1, wait_seconds=30)
    yield made
    await made.close()
