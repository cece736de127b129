"""Opens a database for serving, embedded or the operator's, after migrations and safety checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import structlog

from gateway.config import ConfigError, Settings
from gateway.data.driver.failure import LOST
from gateway.data.driver.primary import Primary
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.setup.guard import refuse_unsafe
from gateway.data.setup.migrate import migrate, pending
from gateway.data.setup.migration import File
from gateway.data.setup.roles import OWNER, SCHEMA, RuntimeRole, quoted
from gateway.database_url import hosts
from gateway.refusal import Refusal
from gateway.telemetry.progress import unless_quick

CONNECT_SECONDS = 10
MOST_LISTED = 5
"""Names of files in a refusal."""

MIGRATE = "Run: parley migrate (with PARLEY_OWNER_URL and PARLEY_DATABASE_URL)"

CHECK_OWNER = "Check the role and the password in PARLEY_OWNER_URL. The role must exist before Parley migrates."

log = structlog.stdlib.get_logger(__name__)


class Unreachable(Refusal):
    """The database does not answer, or refuses the connection."""


class Behind(Refusal):
    """The database lacks migrations, and no role that may apply them is configured."""


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """The URLs of a database. `owner_url` is None if this process may not migrate it."""

    runtime_url: str
    owner_url: str | None
    embedded: EmbeddedDatabase | None = None

    def __repr__(self) -> str:
        return f"OpenDatabase({address(self.runtime_url)!r})"


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[OpenDatabase]:
    """Open a database that is safe to serve from, for the duration of the block. Close the pool before the block ends.

    The embedded server is started, restarted if it dies, and released at the end. Raises a `Refusal` if the database
    cannot be reached, is out of date and may not be migrated, or would let users see each other's rows.
    """
    async with reached_database(settings) as database:
        if database.owner_url is not None:
            await bring_up_to_date(database)
        await check(database)
        if database.embedded is None:
            yield database
            return
        guardian = asyncio.create_task(database.embedded.supervise(), name="embedded PostgreSQL")
        try:
            yield database
        finally:
            guardian.cancel()
            with suppress(asyncio.CancelledError):
                await guardian


@asynccontextmanager
async def reached_database(settings: Settings) -> AsyncIterator[OpenDatabase]:
    """The database in the settings, without checks. An embedded server runs for the duration of the block."""
    if settings.database_url is None and settings.owner_url is not None:
        raise ConfigError(
            "PARLEY_OWNER_URL is set but PARLEY_DATABASE_URL is not. Set PARLEY_DATABASE_URL to the same database, as "
            "the role that serves requests. For the embedded database, set neither."
        )
    if settings.database_url is None:
        embedded = await EmbeddedDatabase.start(settings.data_dir)
        try:
            yield OpenDatabase(embedded.runtime_url, embedded.owner_url, embedded)
        finally:
            await embedded.stop()
    else:
        owner_url = settings.owner_url.get_secret_value() if settings.owner_url else None
        yield OpenDatabase(settings.database_url.get_secret_value(), owner_url)


async def bring_up_to_date(database: OpenDatabase, directory: Path | None = None) -> Sequence[File]:
    """Apply the migrations and functions that the database lacks, and return them."""
    owner_url = _owner_url(database)
    with _reaching(owner_url), unless_quick("Bringing the database up to date"):
        return await migrate(
            owner_url,
            RuntimeRole.of(database.runtime_url),
            report=lambda name: log.info("Migrating", migration=name),
            directory=directory,
        )


@asynccontextmanager
async def owner_connection(database: OpenDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner role, without timeouts, for the duration of the block."""
    owner_url = _owner_url(database)
    patience = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    with _reaching(owner_url):
        connection = await Primary(owner_url).connect(timeout=CONNECT_SECONDS, server_settings=patience)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def owner_transaction(connection: asyncpg.Connection, *, readonly: bool = False) -> AsyncIterator[None]:
    """A transaction on such a connection as the role that owns the tables, for the duration of the block."""
    async with connection.transaction(readonly=readonly):
        await connection.execute(f"SET LOCAL ROLE {OWNER}; SET LOCAL search_path = {SCHEMA}, pg_temp")
        yield


async def check(database: OpenDatabase) -> None:
    """Raise a `Refusal` unless the database is up to date and safe to serve from."""
    async with runtime_connection(database) as connection:
        await refuse_behind(connection, database)
        await refuse_unsafe(connection)


@asynccontextmanager
async def runtime_connection(database: OpenDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the role that serves requests, for the duration of the block."""
    with _reaching(database.runtime_url, _advice(database)):
        connection = await Primary(database.runtime_url).connect(timeout=CONNECT_SECONDS)
        try:
            yield connection
        finally:
            await connection.close()


async def refuse_behind(connection: asyncpg.Connection, database: OpenDatabase) -> None:
    """Raise a `Refusal` unless the database has all migrations and functions of this version."""
    if missing := await _missing(connection, database):
        raise Behind(f"The database lacks {_listed(missing)}. {_migrate_it(database)}")


def _listed(files: Sequence[File]) -> str:
    names = [file.name for file in files[:MOST_LISTED]]
    others = len(files) - len(names)
    return ", ".join(names) + (f" and {others} others, or has other versions of them" if others else "")


async def _missing(connection: asyncpg.Connection, database: OpenDatabase) -> Sequence[File]:
    where = address(database.runtime_url)
    try:
        return await pending(connection)
    except asyncpg.UndefinedTableError as error:
        raise Behind(f"The database at {where} has not been migrated. {_migrate_it(database)}") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise Behind(f"This role has no privileges in the database at {where}: {_reason(error)}. {MIGRATE}") from error


def _migrate_it(database: OpenDatabase) -> str:
    if database.owner_url is None:
        return MIGRATE
    return "PARLEY_OWNER_URL points to another database, which is up to date. Use the same database in both URLs."


def _owner_url(database: OpenDatabase) -> str:
    if database.owner_url is None:
        raise ConfigError("PARLEY_OWNER_URL is required: the URL of a role that may migrate the database.")
    return database.owner_url


def _advice(database: OpenDatabase) -> str:
    """What to do if the role that serves requests cannot connect."""
    # PostgreSQL reports a wrong password and a missing role in the same words.
    name = unquote(urlsplit(hosts(database.runtime_url)[0]).username or "")
    makes_it = (
        f"If the role does not exist, parley migrate creates it. {MIGRATE}. " if database.owner_url is None else ""
    )
    return (
        f"{makes_it}If its password differs from the one in PARLEY_DATABASE_URL, set it (a migration does not): "
        f"ALTER ROLE {quoted(name)} PASSWORD 'the one in the URL';"
    )


@contextmanager
def _reaching(url: str, advice: str = CHECK_OWNER) -> Iterator[None]:
    """Turn connection errors in the block into a `Refusal`. `advice` is what to do if the role cannot connect."""
    try:
        yield
    except asyncpg.TargetServerAttributeNotMatched as error:
        raise Unreachable(f"PostgreSQL at {address(url)} accepts no writes: it is a standby, or read-only.") from error
    except (*LOST, asyncpg.InterfaceError) as error:
        raise Unreachable(f"PostgreSQL at {address(url)} does not answer: {error or 'timed out'}") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise Unreachable(f"PostgreSQL at {address(url)}: {_reason(error)}. Create it with CREATE DATABASE.") from error
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise Unreachable(f"PostgreSQL at {address(url)} refuses the connection: {_reason(error)}. {advice}") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise Unreachable(
            f"PostgreSQL at {address(url)} refuses the connection: {_reason(error)}. {MIGRATE}"
        ) from error


def _reason(error: asyncpg.PostgresError) -> str:
    return str(error).splitlines()[0]


def address(url: str) -> str:
    """The hosts, database and role of a URL, without its password."""
    each = [urlsplit(host) for host in hosts(url)]
    parts = each[0]
    where = ",".join(
        one.netloc.rpartition("@")[2] or parse_qs(one.query).get("host", ["this machine"])[0] for one in each
    )
    return f"{where}{parts.path} (role {unquote(parts.username or '') or 'of this user'})"
