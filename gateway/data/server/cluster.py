"""One PostgreSQL data directory and its server: made, started, found running, mended after a crash, stopped.

Nothing here knows who else uses the server: the caller holds the directory's lock (`gateway.data.server.embedded`).
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

from gateway.data.server.programs import MAJOR, EmbeddedDatabaseError, run
from gateway.data.server.system_account import Account
from gateway.data.server.tuning import configuration

SUPERUSER = "postgres"
INITIAL = (
    f"--username {SUPERUSER} --auth trust --encoding UTF8 --locale C --locale-provider builtin --builtin-locale C.UTF-8"
).split()
"""Text sorts by code point, the same on every machine, and letters of all scripts have their cases."""

PORT = 5432
"""Only the name of the socket file: the server listens on no network address."""

CONFIGURATION = "parley.conf"
LONGEST_SOCKET_PATH = 103
"""Bytes; macOS allows the fewest."""

START_ATTEMPTS = 5
START_SECONDS = 900
"""Recovery after a crash replays up to `max_wal_size` of log before the server answers."""
STOP_SECONDS = 60
ORPHAN_SECONDS = 5
"""How long the children of a killed server may take to notice and leave."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data directory of PostgreSQL, the account that it belongs to, and its server's settings."""

    directory: Path
    account: Account
    settings: Mapping[str, str]

    @property
    def exists(self) -> bool:
        """Whether the directory has been initialised, to the end."""
        return (self.directory / "PG_VERSION").exists()

    @property
    def socket_directory(self) -> Path:
        """Where the running server has its socket, or where one that starts now will."""
        if self.server() is not None and (recorded := self._lock_file_lines())[4:5]:
            return Path(recorded[4])
        own = self.directory
        path = str(own / f".s.PGSQL.{PORT}")
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and not set(path) & set(",\"'\\"):
            return own
        # Not from TMPDIR: every process that shares the server must come to the same answer.
        return Path("/tmp") / f"parley-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"  # noqa: S108

    def create(self) -> None:
        """Initialise the directory. Killed half-way, this leaves nothing that counts as one."""
        self.account.require_passage(self.directory)
        unfinished = self.directory.with_name(self.directory.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self.account.own(unfinished)
        run("initdb", *INITIAL, "--pgdata", str(unfinished), account=self.account)
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write(f"\ninclude_if_exists = '{CONFIGURATION}'\n")
        unfinished.rename(self.directory)

    def server(self) -> psutil.Process | None:
        """The server's main process, if it runs.

        The process id in the lock file alone proves nothing: after a crash or a restart of the machine,
        another program may have that number. A PostgreSQL process works in its data directory, so that is
        what is asked.
        """
        recorded = self._recorded_process_id
        if recorded is None or not psutil.pid_exists(recorded):
            return None
        with suppress(psutil.Error):
            process = psutil.Process(recorded)
            return process if self._works_here(process) else None
        return None

    def start(self) -> None:
        """Make sure that the server runs and accepts connections, whatever the last one left behind."""
        if self._state == "stopping":
            wait_while(self.server, STOP_SECONDS)
        if self.server() is None:
            self._check_version()
            self.account.require_passage(self.directory)
            self._configure()
            for attempt in range(START_ATTEMPTS):
                self._clear_remains()
                try:
                    run("pg_ctl", "start", "--silent", *self._start_options(), account=self.account)
                except EmbeddedDatabaseError as error:
                    if attempt + 1 == START_ATTEMPTS:
                        raise EmbeddedDatabaseError(f"{error}\nThe end of its log:\n{self._end_of_log()}") from error
                    time.sleep(0.2 * 2**attempt)
                else:
                    break
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server, ending its connections. Commits are safe in either mode."""
        server = self.server()
        if server is not None:
            # Not by pg_ctl: it waits for the number to be gone, and in a container it may be us who keep it.
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
            raise EmbeddedDatabaseError(f"PostgreSQL in {self.directory} did not get ready: it is {self._state}.")

    def _check_version(self) -> None:
        found = (self.directory / "PG_VERSION").read_text().strip()
        if found != str(MAJOR):
            raise EmbeddedDatabaseError(
                f"{self.directory} was made by PostgreSQL {found}, and this Parley runs PostgreSQL {MAJOR}. "
                "Back it up with `parley backup` of the Parley that made it, and `parley restore` that into another "
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
            # Whoever reaches the socket is let in as any role, so only its owner may.
            "unix_socket_permissions": "0700",
        }
        path = self.directory / CONFIGURATION
        path.write_text(configuration({**self.settings, **own}))
        self.account.own(path)

    def _make_private(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        status = directory.lstat()
        if status.st_uid == os.geteuid():
            self.account.own(directory)
        elif status.st_uid != self.account.user:
            raise EmbeddedDatabaseError(f"{directory} belongs to another user. Choose a shorter PARLEY_DATA_DIR.")
        if not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
            raise EmbeddedDatabaseError(f"{directory} must be a directory that only its owner may enter.")

    def _clear_remains(self) -> None:
        """Remove what a killed server leaves: children that hold its memory, and a lock in another's name."""
        for goodbye in (signal.SIGQUIT, signal.SIGKILL):
            for process in self._processes():
                with suppress(psutil.Error):
                    process.send_signal(goodbye)
            wait_while(self._processes, ORPHAN_SECONDS)
        recorded = self._recorded_process_id
        if recorded is not None and self.server() is None:
            # In a container, we may be the parent that a dead server waits for.
            with suppress(ChildProcessError):
                os.waitpid(recorded, os.WNOHANG)
            # PostgreSQL itself removes the lock of a number that is free, after checks of its own.
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
    """Return once `something` is no longer so, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while something() and time.monotonic() < deadline:
        time.sleep(0.02)
