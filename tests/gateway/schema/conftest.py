"""A gateway whose schema has five more types, made by a migration and modules that nothing else knows of."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from gateway.app import running
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.server.opening import OpenDatabase
from gateway.data.setup.catalogue import Table, read_catalogue
from gateway.data.setup.migrate import migrate
from gateway.data.setup.migration import DIRECTORY
from gateway.schema.build import build_schema, domain_modules
from tests.gateway.schema.plain_table import binder, crate, meeting, memo, notebook, pin
from tests.kit.database import Database, new_database
from tests.kit.serving import Client, Serving, Statements, settings_for

BOXES = Path(__file__).with_name("boxes.sql")
MIGRATION = Path(__file__).parent / "plain_table" / "memos.sql"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tables(database: Database) -> AsyncIterator[dict[str, Table]]:
    """The catalogue of a database with tables for declarations that agree with them or do not."""
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(BOXES.read_text(encoding="utf-8"))
    yield dict(await read_catalogue(owner))
    await transaction.rollback()
    await owner.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def noted_database(cluster: EmbeddedDatabase, template: str) -> AsyncIterator[Database]:
    """A database of this module alone, with the tables besides Parley's own."""
    async with new_database(cluster, template) as database:
        with tempfile.TemporaryDirectory() as directory:
            own = sorted(DIRECTORY.glob("*.sql"))
            for migration in own:
                shutil.copy(migration, directory)
            shutil.copy(MIGRATION, Path(directory, f"{len(own) + 1:04}_memos.sql"))
            applied = await migrate(database.owner_url, directory=Path(directory))
        assert len(applied) == 1
        yield database


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def noted_superuser(noted_database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the superuser to that database."""
    connection = await asyncpg.connect(noted_database.owner_url, server_settings={"search_path": "parley"})
    yield connection
    await connection.close()


@asynccontextmanager
async def _noting(database: Database, executor: str) -> AsyncIterator[Serving]:
    schema = build_schema([*domain_modules(), notebook, memo, binder, meeting, pin, crate])._schema
    opened = OpenDatabase(database.runtime_url, database.owner_url)
    statements = Statements()
    with tempfile.TemporaryDirectory() as directory:
        settings = settings_for(Path(directory), executor=executor)
        async with (
            running(settings, opened, on_statement=statements.record, schema=schema) as gateway,
            aiohttp.ClientSession() as http,
        ):
            yield Serving(gateway, http, statements)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def noted(noted_database: Database) -> AsyncIterator[Serving]:
    """A gateway with the five types."""
    async with _noting(noted_database, "breadth_first") as serving:
        yield serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def noted_depth_first(noted_database: Database) -> AsyncIterator[Serving]:
    """Another one, with the other executor."""
    async with _noting(noted_database, "depth_first") as serving:
        yield serving


@pytest_asyncio.fixture(loop_scope="module", params=["breadth_first", "depth_first"])
async def any_writer(request: pytest.FixtureRequest, noted: Serving, noted_depth_first: Serving) -> Client:
    """A new user of each of the two."""
    return await (noted if request.param == "breadth_first" else noted_depth_first).signed_up()


@pytest_asyncio.fixture(loop_scope="module")
async def writer(noted: Serving) -> Client:
    """A new user of that gateway."""
    return await noted.signed_up()


@pytest_asyncio.fixture(loop_scope="module")
async def notebook_id(writer: Client) -> str:
    """A notebook of the writer."""
    id: str = (await writer.make("createNotebook", "notebook", title="Memos"))["id"]
    return id
