"""One PostgreSQL data directory and its server: creates, starts, detects, recovers and stops it.

Nothing here knows about other users of the server: the caller holds the directory's lock
(`gateway.data.server.embedded`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from gateway.data.server.os_user import OsUser
from gateway.data.server.programs import MAJOR, EmbeddedDatabaseError, run
from gateway.data.server.tuning import configuration

SUPERUSER = "postgres"
INITIAL = (
    f"--username {SUPERUSER} --auth trust --encoding UTF8 --locale C --locale-provider builtin --builtin-locale C.UTF-8"
).split()
"""Text sorts by code point, the same on every machine, and upper and lower case work in all scripts."""

PORT = 5432
"""Part of the name of the socket file only: the server listens on no network address."""

CONFIGURATION = "parley.conf"
LONGEST_SOCKET_PATH = 103
"""In bytes. macOS has the lowest limit."""

START_ATTEMPTS = 5
START_SECONDS = 900
"""Recovery after a crash replays up to `max_wal_size` of log before the server answers."""
STOP_SECONDS = 60
ORPHAN_SECONDS = 5
"""How long the children of a killed server may take to notice and exit."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL data directory, the operating system user that owns it, and its server's settings."""

    directory: Path
    user: OsUser
    settings: Mapping[str, str]

    @property
    def exists(self) -> bool:
        """Whether the directory has been initialised completely."""
        return (self.directory / "PG_VERSION").exists()

    @property
    def socket_directory(self) -> Path:
        """Where the running server has its socket, or where a server started now will have it."""
        if self.server() is not None and (recorded := self._lock_file_lines())[4:5]:
            return Path(recorded[4])
        own = self.directory
        path = str(own / f".s.PGSQL.{PORT}")
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and not set(path) & set(",\"'\\"):
            return own
        # Not from TMPDIR: every process that shares the server must compute the same path.
        return Path("/tmp") / f"parley-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"  # noqa: S108

    def create(self) -> None:
        """Initialise the directory. If interrupted, it leaves no directory under the final name."""
        self.user.require_passage(self.directory)
        unfinished = self.directory.with_name(self.directory.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.user.own(unfinished)
        run("initdb", *INITIAL, "--pgdata", str(unfinished), user=self.user)
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write(f"\ninclude_if_exists = '{CONFIGURATION}'\n")
        unfinished.rename(self.directory)

    def server(self) -> psutil.Process | None:
        """The server's main process, if it runs.

        The process id in the lock file alone proves nothing: after a crash or a reboot, another program may have that
        id. So this also checks the process's working directory, which for PostgreSQL is the data directory.
        """
        recorded = self._recorded_process_id
        if recorded is None or not psutil.pid_exists(recorded):
            return None
        with suppress(psutil.Error):
            process = psutil.Process(recorded)
            return process if self._works_here(process) else None
        return None

    def start(self) -> None:
        """Ensure that the server runs and accepts connections, whatever a previous one left behind."""
        if self._state == "stopping":
            wait_while(self.server, STOP_SECONDS)
        if self.server() is None:
            self._check_version()
            self.user.require_passage(self.directory)
            self._configure()
            for attempt in range(START_ATTEMPTS):
                self._clear_remains()
                try:
                    run("pg_ctl", "start", "--silent", *self._start_options(), user=self.user)
                except EmbeddedDatabaseError as error:
                    if attempt + 1 == START_ATTEMPTS:
                        raise EmbeddedDatabaseError(f"{error}\nThe end of its log:\n{self._end_of_log()}") from error
                    time.sleep(0.2 * 2**attempt)
                else:
                    break
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server and close its connections. Committed data is safe."""
        server = self.server()
        if server is not None:
            # Not with pg_ctl, which waits until the process id is gone. In a container, this process may be the parent
            # that has to reap it.
            with suppress(psutil.Error):
                server.send_signal(signal.SIGINT)
            wait_while(self.server, STOP_SECONDS)
        self._clear_remains()
        if self.socket_directory != self.directory:
            with suppress(OSError):
                self.socket_directory.rmdir()

    def _wait_until_ready(self) -> None:
        wait_while(lambda: self.server() and self._state != "ready", START_SECONDS)
        if self._state != "ready":
            raise EmbeddedDatabaseError(f"PostgreSQL in {self.directory} did not become ready: it is {self._state}.")

    def _check_version(self) -> None:
        version = (self.directory / "PG_VERSION").read_text().strip()
        if version != str(MAJOR):
            raise EmbeddedDatabaseError(
                f"{self.directory} was created by PostgreSQL {version}, but this version of Parley runs PostgreSQL "
                f"{MAJOR}. Run `parley backup` with the version that created it, then `parley restore` into another "
                "PARLEY_DATA_DIR."
            )

    def _configure(self) -> None:
        sockets = self.socket_directory
        if sockets != self.directory:
            self._make_private(sockets)
        own = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(sockets),
            # Anyone who can reach the socket can connect as any role, so only its owner may.
            "unix_socket_permissions": "0700",
        }
        path = self.directory / CONFIGURATION
        path.write_text(configuration({**self.settings, **own}))
        self.user.own(path)

    def _make_private(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
        if status.st_uid == os.geteuid():
            self.user.own(directory)
        elif status.st_uid != self.user.uid:
            raise EmbeddedDatabaseError(f"{directory} belongs to another user. Choose a shorter PARLEY_DATA_DIR.")
        if not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
            raise EmbeddedDatabaseError(f"{directory} must be a directory that only its owner may enter.")

    def _clear_remains(self) -> None:
        """Remove what a killed server left behind: children that hold its memory, and a stale lock file."""
        for goodbye in (signal.SIGQUIT, signal.SIGKILL):
            for process in self._processes():
                with suppress(psutil.Error):
                    process.send_signal(goodbye)
            wait_while(self._processes, ORPHAN_SECONDS)
        recorded = self._recorded_process_id
        if recorded is not None and self.server() is None:
            # In a container, this process may be the parent that has to reap the dead server.
            with suppress(ChildProcessError):
                os.waitpid(recorded, os.WNOHANG)
            # If the process id is unused, PostgreSQL removes the lock file itself, after its own checks.
            if psutil.pid_exists(recorded):
                self._lock_file.unlink(missing_ok=True)

    def _processes(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._works_here(process)]

    def _works_here(self, process: psutil.Process) -> bool:
        try:
            return (
                process.name() == "postgres"
                and process.status() != psutil.STATUS_ZOMBIE
                and Path(process.cwd()) == self.directory
            )
        except psutil.Error:
            return False

    @property
    def _lock_file(self) -> Path:
        return self.directory / "postmaster.pid"

    def _lock_file_lines(self) -> list[str]:
        try:
            return [line.strip() for line in self._lock_file.read_text().splitlines()]
        except FileNotFoundError:
            return []

    @property
    def _recorded_process_id(self) -> int | None:
        first = self._lock_file_lines()[:1]
        return int(first[0]) if first and first[0].isdigit() else None

    @property
    def _state(self) -> str:
        return "".join(self._lock_file_lines()[7:8]) or "not running"

    def _start_options(self) -> tuple[str, ...]:
        directory = str(self.directory)
        return "--wait", f"--timeout={START_SECONDS}", f"--log={directory}/start.log", f"--pgdata={directory}"

    def _end_of_log(self) -> str:
        logs = [*self.directory.glob("start.log"), *self.directory.glob("log/*.log")]
        if not logs:
            return "(no log)"
        newest = max(logs, key=lambda path: path.stat().st_mtime)
        return "\n".join(newest.read_text(errors="replace").splitlines()[-15:])


def wait_while(something: Callable[[], object], seconds: float) -> None:
    """Wait until `something` is false, or for this many seconds."""
    deadline = time.monotonic() + seconds
    while something() and time.monotonic() < deadline:
        time.sleep(0.02)
