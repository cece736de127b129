"""The system account that the embedded PostgreSQL runs as. It refuses to run as root, so for root another runs it.

Parley makes no account and changes no directory but those that it has made. Where the account cannot get to the data,
it says what to do.
"""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config import ROOTS_DIRECTORY
from gateway.refusal import Refusal

ACCOUNTS = ("parley-postgres", "parley", "postgres", "nobody")
"""Whom root lets run the server: the first of these that exists. (Earlier versions of Parley made the first.)"""


@dataclass(frozen=True, slots=True)
class Account:
    """Who the server's processes run as and its files belong to. `borrowed` if that is not who we are."""

    user: int
    group: int
    borrowed: bool

    @property
    def name(self) -> str:
        """Its name, or its number if it has none."""
        try:
            return pwd.getpwuid(self.user).pw_name
        except KeyError:
            return str(self.user)

    def process_options(self) -> dict[str, Any]:
        """Arguments for `subprocess` that start a process as this account."""
        return {"user": self.user, "group": self.group, "extra_groups": []} if self.borrowed else {}

    def own(self, path: Path) -> None:
        """Give `path` to this account."""
        if self.borrowed:
            os.chown(path, self.user, self.group)

    def may_read(self, path: Path) -> bool:
        """Whether this account may read a file, or list and enter a directory."""
        wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        return self._may(wanted, path) and self.barrier(path) is None

    def barrier(self, path: Path) -> Path | None:
        """The first directory above `path` that this account may not pass through."""
        if self.borrowed:
            for directory in reversed(path.parents):
                # What is not there yet will be made so that it may.
                if directory.exists() and not self._may(stat.S_IXOTH, directory):
                    return directory
        return None

    def require_passage(self, path: Path) -> None:
        """Raise a `Refusal`, which says what to do, if this account may not pass each directory above `path`."""
        barrier = self.barrier(path)
        if barrier is not None:
            mode = stat.S_IMODE(barrier.stat().st_mode)
            raise Refusal(
                f"PostgreSQL does not run as root. The account {self.name} is to run it, and may not enter {barrier} "
                f"(mode {mode:o}). Do one of these:",
                [
                    f"Set PARLEY_DATA_DIR to a directory that it may enter, such as {ROOTS_DIRECTORY}. "
                    f"Data that is there can be moved: mv {shlex.quote(str(path.parent))} {ROOTS_DIRECTORY}",
                    f"Let it pass, without letting it list anything: chmod o+x {shlex.quote(str(barrier))}",
                    "Start Parley as another user than root.",
                    "Set PARLEY_DATABASE_URL to a PostgreSQL of your own.",
                ],
            )

    def _may(self, others: int, path: Path) -> bool:
        """Whether the permissions of `path`, given as those of others, are this account's."""
        if not self.borrowed:
            return True
        status = path.stat()
        shift = 6 if status.st_uid == self.user else 3 if status.st_gid == self.group else 0
        return status.st_mode & others << shift == others << shift


def server_account(data: Path | None = None) -> Account:
    """Our own account, or for root one that is there: that of the server whose data this is, if it exists.

    Raises a `Refusal` where there is none.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), borrowed=False)
    if data is not None and data.exists() and (status := data.stat()).st_uid != 0:
        return Account(status.st_uid, status.st_gid, borrowed=True)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, borrowed=True)
    raise Refusal(
        f"PostgreSQL does not run as root, and none of the accounts {', '.join(ACCOUNTS)} exists. Do one of these:",
        [
            "Make one: useradd --system --shell /usr/sbin/nologin parley",
            "Start Parley as another user than root.",
            "Set PARLEY_DATABASE_URL to a PostgreSQL of your own.",
        ],
    )
