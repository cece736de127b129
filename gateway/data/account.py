"""The system account that the embedded PostgreSQL runs as. It refuses to run as root, so root lends it
another.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from gateway.refusal import Refusal

SERVER_ACCOUNT = "parley-postgres"

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """Who the server's processes run as and its files belong to. `borrowed` if that is not who we are."""

    user: int
    group: int
    borrowed: bool

    def process_options(self) -> dict[str, Any]:
        """Arguments for `subprocess` that start a process as this account."""
        return {"user": self.user, "group": self.group, "extra_groups": []} if self.borrowed else {}

    def own(self, path: Path) -> None:
        """Give `path` to this account."""
        if self.borrowed:
            os.chown(path, self.user, self.group)

    def let_through(self, path: Path) -> None:
        """Let this account pass each directory above `path`. Passing is all: it can list and read none of
        them.
        """
        if not self.borrowed:
            return
        for directory in path.parents:
            mode = directory.stat().st_mode
            if not mode & stat.S_IXOTH:
                directory.chmod(mode | stat.S_IXOTH)
                log.info(f"Accounts other than root may now pass through {directory}")

    def let_run(self, programs: Path) -> None:
        """Let this account read and run what is installed in the directory `programs`."""
        if not self.borrowed:
            return
        self.let_through(programs)
        if programs.stat().st_mode & stat.S_IROTH and (programs / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
            return
        for path in [programs, *programs.rglob("*")]:
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def server_account() -> Account:
    """Our own account, or, for root, the one that is made for the purpose."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), borrowed=False)
    try:
        entry = pwd.getpwnam(SERVER_ACCOUNT)
    except KeyError:
        _make(SERVER_ACCOUNT)
        entry = pwd.getpwnam(SERVER_ACCOUNT)
    return Account(entry.pw_uid, entry.pw_gid, borrowed=True)


def _make(name: str) -> None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # fixed words
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", "") or str(error)
        # Another process that started at the same moment may have made it.
        if not _exists(name):
            raise Refusal(
                f"PostgreSQL does not run as root, and the account {name} could not be made: {detail}"
                " Start Parley as another user, or set PARLEY_DATABASE_URL."
            ) from error


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
