"""Databases for tests: one embedded server per session, one migrated template, and a clone of it for each module."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from gateway.data.server.cluster import SUPERUSER, Cluster
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.server.os_user import server_user
from gateway.data.setup.migrate import migrate
from gateway.data.setup.roles import LOGIN
from tests.kit import other_server
from tests.kit.other_server import OtherServer

PREFIX = "parley-tests-"
IN_USE = "in-use"

UNSAFE_BUT_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "1h",
}
"""Settings that give up durability, which only tests of crashes would notice."""

numbers = count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the session's server."""

    name: str
    owner_url: str
    """Connects as the superuser."""
    runtime_url: str
    """Connects as the role that serves requests."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[EmbeddedDatabase | OtherServer]:
    """The PostgreSQL server of the session."""
    remove_abandoned()
    if other_server.URL:
        with asyncio.Runner() as runner:
            opened = other_server.other_server(other_server.URL)
            yield runner.run(opened.__aenter__())
            runner.run(opened.__aexit__(None, None, None))
        return
    with data_directory() as directory:
        embedded = asyncio.run(EmbeddedDatabase.start(directory, UNSAFE_BUT_FAST))
        yield embedded
        asyncio.run(embedded.stop())


@pytest.fixture(scope="session")
def template(cluster: EmbeddedDatabase) -> str:
    """The name of a migrated database. Nobody may stay connected to it, or it could not be cloned."""
    asyncio.run(migrate(cluster.owner_url))
    return urlsplit(cluster.owner_url).path.removeprefix("/")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database(cluster: EmbeddedDatabase, template: str) -> AsyncIterator[Database]:
    """A migrated database for this module alone."""
    async with new_database(cluster, template) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def empty_database(cluster: EmbeddedDatabase) -> AsyncIterator[Database]:
    """An empty database for this test alone."""
    async with new_database(cluster, "template0") as made:
        yield made


@asynccontextmanager
async def new_database(cluster: EmbeddedDatabase, template: str) -> AsyncIterator[Database]:
    """Clone `template`, and drop the clone at the end of the block even if clients are still connected."""
    name = f"test_{os.getpid()}_{next(numbers)}"
    administrator = await asyncpg.connect(cluster.url(SUPERUSER, "postgres"))
    try:
        await administrator.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield Database(name, cluster.url(SUPERUSER, name), cluster.url(LOGIN, name))
    finally:
        await administrator.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await administrator.close()


@contextmanager
def data_directory() -> Iterator[Path]:
    """A data directory. If this session is killed, the next one stops the server in it and removes it."""
    made = Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}"))
    made.chmod(0o711)  # if root runs the tests, the server runs as another account
    with (made / IN_USE).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # Renamed only once it is locked, or a session that starts at this moment would remove it.
        directory = made.rename(made.with_name(made.name.removeprefix("new-")))
        yield directory
        shutil.rmtree(directory)


def remove_abandoned() -> None:
    """Stop the servers that killed sessions left behind, and remove their files."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError, BlockingIOError), (directory / IN_USE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Cluster(directory.resolve() / "postgres", server_user(), {}).stop()
            shutil.rmtree(directory, ignore_errors=True)
