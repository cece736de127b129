"""The operating system user that runs the embedded PostgreSQL, which refuses to run as root.

Parley creates no users, and changes the permissions only of directories that it created. If the user cannot access the
data, the error says what to do.
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

USERS = ("parley-postgres", "parley", "postgres", "nobody")
"""If Parley runs as root, the first of these that exists runs the server. Earlier versions created the first one."""


@dataclass(frozen=True, slots=True)
class OsUser:
    """The user that runs the server's processes and owns its files. `borrowed` if it is not our own."""

    uid: int
    gid: int
    borrowed: bool

    @property
    def name(self) -> str:
        """The user's name, or its id if it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    def process_options(self) -> dict[str, Any]:
        """Arguments for `subprocess` to start a process as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.borrowed else {}

    def own(self, path: Path) -> None:
        """Make this user the owner of `path`."""
        if self.borrowed:
            os.chown(path, self.uid, self.gid)

    def may_read(self, path: Path) -> bool:
        """Whether this user may read a file, or list and enter a directory."""
        wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        return self._may(wanted, path) and self.barrier(path) is None

    def barrier(self, path: Path) -> Path | None:
        """The first directory above `path` that this user may not traverse."""
        if self.borrowed:
            for directory in reversed(path.parents):
                # Missing directories will be created so that it may.
                if directory.exists() and not self._may(stat.S_IXOTH, directory):
                    return directory
        return None

    def require_passage(self, path: Path) -> None:
        """Raise a `Refusal`, which says what to do, if this user may not traverse every directory above `path`."""
        barrier = self.barrier(path)
        if barrier is not None:
            mode = stat.S_IMODE(barrier.stat().st_mode)
            raise Refusal(
                f"PostgreSQL cannot run as root. The user {self.name}, which should run it, cannot enter {barrier} "
                f"(mode {mode:o}). Do one of these:",
                [
                    f"Set PARLEY_DATA_DIR to a directory that it can enter, such as {ROOTS_DIRECTORY}. "
                    f"Existing data can be moved: mv {shlex.quote(str(path.parent))} {ROOTS_DIRECTORY}",
                    f"Let it traverse the directory, without listing it: chmod o+x {shlex.quote(str(barrier))}",
                    "Start Parley as another user than root.",
                    "Set PARLEY_DATABASE_URL to a PostgreSQL of your own.",
                ],
            )

    def _may(self, others: int, path: Path) -> bool:
        """Whether this user has permissions on `path`. They are passed as the bits for others."""
        if not self.borrowed:
            return True
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return status.st_mode & others << shift == others << shift


def server_user(data: Path | None = None) -> OsUser:
    """The current user. For root, the owner of the existing `data` or else a suitable existing user.

    Raises a `Refusal` if there is none.
    """
    if os.geteuid() != 0:
        return OsUser(os.geteuid(), os.getegid(), borrowed=False)
    if data is not None and data.exists() and (status := data.stat()).st_uid != 0:
        return OsUser(status.st_uid, status.st_gid, borrowed=True)
    for name in USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return OsUser(entry.pw_uid, entry.pw_gid, borrowed=True)
    raise Refusal(
        f"PostgreSQL cannot run as root, and none of the users {', '.join(USERS)} exists. Do one of these:",
        [
            "Create one: useradd --system --shell /usr/sbin/nologin parley",
            "Start Parley as another user than root.",
            "Set PARLEY_DATABASE_URL to a PostgreSQL of your own.",
        ],
    )
