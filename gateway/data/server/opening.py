"""Gets a database ready to serve from: the embedded one or the operator's, migrated and found safe."""

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
from gateway.data.setup.roles import RuntimeRole, quoted
from gateway.database_url import hosts
from gateway.refusal import Refusal
from gateway.telemetry.progress import unless_quick

CONNECT_SECONDS = 10

MIGRATE = "Run: parley migrate (with PARLEY_OWNER_URL and PARLEY_DATABASE_URL)"

CHECK_OWNER = "Check the role and the password in PARLEY_OWNER_URL: this role has to exist before Parley migrates."

log = structlog.stdlib.get_logger(__name__)


class Unreachable(Refusal):
    """The database does not answer, or does not let us in."""


class Behind(Refusal):
    """The database lacks migrations, and we were not given a role that may apply them."""


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """Where to connect. `owner_url` is None when this process may not migrate."""

    runtime_url: str
    owner_url: str | None
    embedded: EmbeddedDatabase | None = None

    def __repr__(self) -> str:
        return f"OpenDatabase({address(self.runtime_url)!r})"


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[OpenDatabase]:
    """A database that may be served from, for as long as the block runs. Close the pool before its end.

    The embedded server is started, brought back if it dies, and left at the end. Raises a `Refusal` when the
    database cannot be reached, is behind and may not be migrated, or would let one user see another's rows.
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
    """The database of the settings as it is. An embedded server runs for as long as the block does."""
    if settings.database_url is None and settings.owner_url is not None:
        raise ConfigError(
            "PARLEY_OWNER_URL names a database and PARLEY_DATABASE_URL does not. Set PARLEY_DATABASE_URL to the same "
            "database, as the role that serves requests; or neither, for the embedded database."
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
    """Apply the migrations and functions that the database lacks, and say which."""
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
    """A connection as the role that owns the database, for as long as the block runs, however long that is."""
    owner_url = _owner_url(database)
    patience = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    with _reaching(owner_url):
        connection = await Primary(owner_url).connect(timeout=CONNECT_SECONDS, server_settings=patience)
        try:
            yield connection
        finally:
            await connection.close()


async def check(database: OpenDatabase) -> None:
    """Raise a `Refusal` unless the database is up to date, and safe to be served from."""
    with _reaching(database.runtime_url, _advice(database)):
        connection: asyncpg.Connection = await Primary(database.runtime_url).connect(timeout=CONNECT_SECONDS)
        try:
            if missing := await _missing(connection, database):
                names = ", ".join(file.name for file in missing)
                raise Behind(f"The database lacks {names}. {_migrate_it(database)}")
            await refuse_unsafe(connection)
        finally:
            await connection.close()


async def _missing(connection: asyncpg.Connection, database: OpenDatabase) -> Sequence[File]:
    where = address(database.runtime_url)
    try:
        return await pending(connection)
    except asyncpg.UndefinedTableError as error:
        raise Behind(f"The database at {where} was never migrated. {_migrate_it(database)}") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise Behind(f"The database at {where} gives this role no rights: {_said(error)}. {MIGRATE}") from error


def _migrate_it(database: OpenDatabase) -> str:
    if database.owner_url is None:
        return MIGRATE
    return "PARLEY_OWNER_URL names another database, which is up to date. Name the same one in both."


def _owner_url(database: OpenDatabase) -> str:
    if database.owner_url is None:
        raise ConfigError("PARLEY_OWNER_URL is needed: the URL of a role that may migrate the database.")
    return database.owner_url


def _advice(database: OpenDatabase) -> str:
    """What to do where the role that serves is not let in."""
    # To a stranger, PostgreSQL says the same of a wrong password and of a role that is not there.
    name = unquote(urlsplit(hosts(database.runtime_url)[0]).username or "")
    makes_it = f"If the role does not exist, parley migrate makes it. {MIGRATE}. " if database.owner_url is None else ""
    return (
        f"{makes_it}If its password is not the one in PARLEY_DATABASE_URL, set it, since migrating does not change it: "
        f"ALTER ROLE {quoted(name)} PASSWORD 'the one in the URL';"
    )


@contextmanager
def _reaching(url: str, advice: str = CHECK_OWNER) -> Iterator[None]:
    """Raise a `Refusal` where the database is not reached. `advice` is what to do if the role is not let in."""
    try:
        yield
    except asyncpg.TargetServerAttributeNotMatched as error:
        raise Unreachable(f"PostgreSQL at {address(url)} takes no writes: it is a standby, or read-only.") from error
    except (*LOST, asyncpg.InterfaceError) as error:
        raise Unreachable(f"PostgreSQL at {address(url)} does not answer: {error or 'timed out'}") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise Unreachable(f"PostgreSQL at {address(url)}: {_said(error)}. Make it with CREATE DATABASE.") from error
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise Unreachable(f"PostgreSQL at {address(url)} does not let us in: {_said(error)}. {advice}") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise Unreachable(f"PostgreSQL at {address(url)} does not let us in: {_said(error)}. {MIGRATE}") from error


def _said(error: asyncpg.PostgresError) -> str:
    return str(error).splitlines()[0]


def address(url: str) -> str:
    """Where `url` points and as whom, without its password."""
    each = [urlsplit(host) for host in hosts(url)]
    parts = each[0]
    where = ",".join(
        one.netloc.rpartition("@")[2] or parse_qs(one.query).get("host", ["this machine"])[0] for one in each
    )
    return f"{where}{parts.path} (role {unquote(parts.username or '') or 'of this account'})"
