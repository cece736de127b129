"""The installation that is examined: its settings, its database, and two connections that can only read."""

from __future__ import annotations

import asyncio
import functools
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from gateway.config import Settings
from gateway.data.server import programs
from gateway.data.server.embedded import is_made
from gateway.data.server.opening import (
    OpenDatabase,
    Unreachable,
    address,
    owner_connection,
    reached_database,
    runtime_connection,
)
from gateway.data.setup.catalogue import Table, read_catalogue
from gateway.doctor.finding import NotChecked
from gateway.refusal import Refusal

if TYPE_CHECKING:
    from graphql import GraphQLSchema

CONNECT_SECONDS = 2.0

ONLY_READS = """
SET default_transaction_read_only = on;
SET statement_timeout = '2s';
SET lock_timeout = '500ms';
SET application_name = 'parley doctor';
"""
"""Not set when connecting, because a session that starts read-only looks like one of a standby."""

SEES_ALL = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"

SEES_ACTIVITY = "SELECT pg_has_role('pg_read_all_stats', 'USAGE')"


@dataclass(slots=True)
class Installation:
    """What the checks examine. The methods raise `NotChecked` if it is out of reach."""

    settings: Settings
    public_url: str | None = None
    """The address that clients use, if the operator named it."""
    database: OpenDatabase | None = None
    runtime: asyncpg.Connection | None = None
    """As the role that serves requests."""
    owner: asyncpg.Connection | None = None
    refusal: Refusal | None = None
    """Why there is no connection of the serving role."""
    owner_refusal: Refusal | None = None
    """Why there is no connection of the owner role, although its URL is known."""
    tables: Mapping[str, Table] | None = None

    @property
    def connection(self) -> asyncpg.Connection:
        """The connection that sees most."""
        connection = self.owner or self.runtime
        if connection is None:
            raise NotChecked("There is no connection to the database.")
        return connection

    @property
    def serving(self) -> asyncpg.Connection:
        """The connection of the role that serves requests."""
        if self.runtime is None:
            raise NotChecked("The role that serves requests cannot connect.")
        return self.runtime

    async def seeing_all_rows(self) -> asyncpg.Connection:
        """A connection from which row-level security hides nothing."""
        if self.owner is not None and await self.owner.fetchval(SEES_ALL):
            return self.owner
        why = "the role of PARLEY_OWNER_URL has no BYPASSRLS" if self.owner else "PARLEY_OWNER_URL is not set"
        if self.owner_refusal is not None:
            why = "the role of PARLEY_OWNER_URL cannot connect"
        raise NotChecked(f"Row-level security hides users' rows, and {why}.")

    async def seeing_all_sessions(self) -> asyncpg.Connection:
        """A connection that sees what other roles are doing."""
        if await self.connection.fetchval(SEES_ACTIVITY):
            return self.connection
        role = await self.connection.fetchval("SELECT quote_ident(current_user)")
        raise NotChecked(
            f"The role {role} does not see the sessions of others. As a superuser: GRANT pg_read_all_stats TO {role};"
        )

    async def catalogue(self) -> Mapping[str, Table]:
        """The tables of the database, by name."""
        if self.tables is None:
            self.tables = await read_catalogue(self.connection)
        return self.tables

    def psql(self) -> str | None:
        """A command that connects psql as the role that may follow the advice."""
        if self.database is None:
            return None
        if self.database.embedded is not None:
            return shlex.join([str(programs.installation() / "bin" / "psql"), self.database.embedded.owner_url])
        return 'psql "$PARLEY_OWNER_URL"'


async def only_row(connection: asyncpg.Connection, query: str, *arguments: object) -> asyncpg.Record:
    """The row of a query that always has one."""
    row = await connection.fetchrow(query, *arguments)
    assert row is not None  # noqa: S101 - see above
    return row


@functools.cache
def served_schema() -> GraphQLSchema:
    """The schema that `parley serve` would serve."""
    from gateway.schema.build import graphql_schema

    return graphql_schema()


@asynccontextmanager
async def reached_installation(settings: Settings, public_url: str | None = None) -> AsyncIterator[Installation]:
    """Reach what there is of an installation. An embedded server that is not running runs for the block."""
    installation = Installation(settings, public_url)
    async with AsyncExitStack() as stack:
        try:
            if settings.embedded and settings.owner_url is None and not is_made(settings.data_dir):
                raise Unreachable(
                    f"There is no database in {settings.data_dir}. parley serve creates it at its first start. If "
                    "there should be one, set PARLEY_DATA_DIR or PARLEY_DATABASE_URL."
                )
            database = await stack.enter_async_context(reached_database(settings))
        except Refusal as refusal:
            installation.refusal = refusal
        else:
            installation.database = database
            installation.runtime, installation.refusal = await _reached(stack, database, runtime_connection(database))
            if database.owner_url is not None:
                installation.owner, installation.owner_refusal = await _reached(
                    stack, database, owner_connection(database)
                )
        yield installation


async def _reached(
    stack: AsyncExitStack, database: OpenDatabase, opening: AbstractAsyncContextManager[asyncpg.Connection]
) -> tuple[asyncpg.Connection | None, Refusal | None]:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await stack.enter_async_context(opening)
            await connection.execute(ONLY_READS)
    except TimeoutError:
        return None, Unreachable(
            f"PostgreSQL at {address(database.runtime_url)} does not answer within {CONNECT_SECONDS:.0f} seconds."
        )
    except Refusal as refusal:
        return None, refusal
    return connection, None
