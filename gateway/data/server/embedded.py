"""The embedded PostgreSQL, which Parley runs itself.

Any number of Parley processes share the server of a data directory; the last one to leave stops it. Each holds a shared
lock on a file while it uses the server. The kernel releases the lock when the process ends, however it ends, so dead
processes are never counted as users.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import quote

import asyncpg
import structlog

from gateway.data.server.cluster import PORT, SUPERUSER, Cluster
from gateway.data.server.os_user import OsUser, server_user
from gateway.data.server.programs import EmbeddedDatabaseError
from gateway.data.server.tuning import machine_memory, tuned
from gateway.data.setup.roles import LOGIN
from gateway.telemetry.progress import step, unless_quick

DATABASE = "parley"
CLUSTER = "postgres"
"""The server's subdirectory in the data directory."""

WATCH_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0

log = structlog.stdlib.get_logger(__name__)


class EmbeddedDatabase:
    """This process's use of the server of one data directory. Begins with `start` and ends with `stop`."""

    def __init__(self, cluster: Cluster, use: int) -> None:
        self._cluster = cluster
        self._use: int | None = use
        self._sockets = cluster.socket_directory

    @classmethod
    async def start(cls, data_dir: Path, extra: Mapping[str, str] | None = None) -> EmbeddedDatabase:
        """Use the server of `data_dir`. Creates and starts it if necessary. `extra` overrides server settings.

        If cancelled, it releases the server before it returns.
        """
        starting = asyncio.create_task(asyncio.to_thread(cls._start, data_dir, extra or {}))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await (await starting).stop()
            raise

    @property
    def owner_url(self) -> str:
        """The URL of the superuser, for migrations and for creating databases."""
        return self.url(SUPERUSER)

    @property
    def runtime_url(self) -> str:
        """The URL of the role that serves requests."""
        return self.url(LOGIN)

    def url(self, role: str, database: str = DATABASE) -> str:
        """The URL of any role and database. It has no password: only the directory's owner can reach the socket."""
        address = f"host={quote(str(self._sockets))}&port={PORT}"
        return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?{address}"

    @property
    def process_id(self) -> int | None:
        """The process id of the server, or None while it is not running."""
        server = self._cluster.server()
        return server.pid if server else None

    async def ensure_running(self) -> bool:
        """Restart the server if it has died. Returns whether it had."""
        if self._cluster.server() is not None:
            return False
        return await asyncio.to_thread(self._restart)

    async def supervise(self) -> None:
        """Restart the server whenever it dies, until cancelled."""
        failures = 0
        while True:
            await asyncio.sleep(WATCH_SECONDS if not failures else pause(failures))
            try:
                if await self.ensure_running():
                    log.warning("PostgreSQL had died and was restarted")
                failures = 0
            except Exception as error:  # noqa: BLE001 - nothing else would restart the server
                failures += 1
                log.error("PostgreSQL has died and cannot be restarted", reason=str(error), failures=failures)

    async def stop(self) -> None:
        """Release the server, and stop it if no other process uses it. Close the pool first. May be called twice."""
        await asyncio.to_thread(self._stop)

    @classmethod
    def _start(cls, data_dir: Path, extra: Mapping[str, str]) -> EmbeddedDatabase:
        with _usable():
            _require_directory(data_dir)
        user = server_user(data_dir / CLUSTER)
        user.require_passage(data_dir.resolve() / CLUSTER)
        directory = _made(data_dir, user)
        cluster = Cluster(directory / CLUSTER, user, {**tuned(machine_memory()), **extra})
        with _turn(directory):
            use = os.open(directory / "postgres.use", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(use, fcntl.LOCK_SH)
                if not cluster.exists:
                    if user.borrowed:
                        log.info("PostgreSQL cannot run as root; another user runs it", user=user.name)
                    with step("Creating the database (first start only)"):
                        cluster.create()
                with nullcontext() if cluster.server() else step("Starting PostgreSQL"):
                    cluster.start()
                database = cls(cluster, use)
                asyncio.run(_create_database(database.url(SUPERUSER, "postgres")))
            except BaseException:
                os.close(use)
                raise
        return database

    def _restart(self) -> bool:
        with _turn(self._cluster.directory.parent):
            if self._cluster.server() is not None:
                return False
            self._cluster.start()
            return True

    def _stop(self) -> None:
        if self._use is None:
            return
        with _turn(self._cluster.directory.parent):
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._cluster.stop()
            finally:
                os.close(self._use)
                self._use = None


def is_made(data_dir: Path) -> bool:
    """Whether a data directory contains a database."""
    with _usable():
        return (data_dir / CLUSTER / "PG_VERSION").exists()


def pause(failures: int) -> float:
    """Seconds to wait after this many consecutive failures: exponential backoff with a limit and jitter."""
    longest = min(LONGEST_PAUSE_SECONDS, WATCH_SECONDS * 2.0 ** min(failures, 10))
    return random.uniform(0.5, 1.0) * longest  # noqa: S311


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """A lock, so that only one process at a time starts or stops the server of `directory`."""
    file = os.open(directory / "postgres.turn", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with unless_quick("Waiting for another process to start or stop PostgreSQL"):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextmanager
def _usable() -> Iterator[None]:
    """Raise an `EmbeddedDatabaseError` if the operating system denies access to the data directory."""
    try:
        yield
    except OSError as error:
        raise EmbeddedDatabaseError(f"The data directory cannot be used: {error}. Set PARLEY_DATA_DIR.") from error


def _require_directory(data_dir: Path) -> None:
    for each in (data_dir, *data_dir.parents):
        if each.exists() and not each.is_dir():
            raise NotADirectoryError(f"{each} is not a directory")


def _made(data_dir: Path, user: OsUser) -> Path:
    """Create the data directory if it does not exist, and return its path. An existing one is not changed."""
    # Another user that runs PostgreSQL must be able to traverse it, but not to list it.
    mode = 0o711 if user.borrowed else 0o700
    missing = [each for each in (data_dir, *data_dir.parents) if not each.exists()]
    with _usable():
        for each in reversed(missing):
            each.mkdir(mode=mode, exist_ok=True)
            if user.borrowed:
                each.chmod(mode)  # regardless of the umask
        if not os.access(data_dir, os.W_OK):
            raise PermissionError(f"{data_dir} is not writable")
    return data_dir.resolve()


@contextmanager
def throw_away_directory(prefix: str) -> Iterator[Path]:
    """A temporary data directory, removed at the end of the block. PostgreSQL's user can enter it."""
    with tempfile.TemporaryDirectory(prefix=prefix) as temporary:
        directory = Path(temporary)
        directory.chmod(0o711)
        yield directory


async def _create_database(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close()
