"""A queue for each test, and worker processes for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.gateway.work.processes import Works, works_on
from tests.kit.database import Database


@pytest_asyncio.fixture(loop_scope="module")
async def works(database: Database, tmp_path: Path) -> AsyncIterator[Works]:
    """An empty queue on the module's database."""
    async with works_on(database, tmp_path) as made:
        yield made
