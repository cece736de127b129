"""The database functions in `sql/functions/`, one per file, and which of them a database lacks.

A file is applied again whenever its text has changed, so to change a function, edit its file. The version number of
Parley is recorded: an older version that starts beside a newer one does not revert functions. Nothing here talks to a
database.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.data.setup.migration import MigrationError, Subject, checksum_of

DIRECTORY = Path(__file__).parents[3] / "sql" / "functions"
VERSION = importlib.metadata.version("parley")


@dataclass(frozen=True, slots=True)
class FunctionFile:
    """A file that creates functions and grants privileges on them. `name` is its path without `.sql`."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Identifies the text, to compare it with what was applied."""
        return checksum_of(self.text)

    @property
    def transactional(self) -> bool:
        """True: all files are applied in one transaction."""
        return True


@dataclass(frozen=True, slots=True)
class AppliedFunction:
    """A file as recorded in the database, with the version of Parley that applied it."""

    name: str
    checksum: str
    parley: str


def read_functions(directory: Path | None = None) -> list[FunctionFile]:
    """Read the files of a directory and its subdirectories, sorted by path."""
    root = directory or DIRECTORY
    return [
        FunctionFile(f"functions/{path.relative_to(root).with_suffix('').as_posix()}", path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.sql"))
    ]


def outdated(
    files: Iterable[FunctionFile],
    applied: Sequence[AppliedFunction],
    *,
    ahead_is_fine: bool = False,
    version: str = VERSION,
) -> list[FunctionFile]:
    """The files that are missing in the database or differ there. Raises `MigrationError` if it has newer ones."""
    versions = [one.parley for one in applied]
    if ahead_is_fine and _newer(versions, version):
        return []
    refuse_newer(versions, version)
    checksums = {one.name: one.checksum for one in applied}
    return [file for file in files if checksums.get(file.name) != file.checksum]


def refuse_newer(versions: Iterable[str], version: str = VERSION, *, subject: Subject = "database") -> None:
    """Raise `MigrationError` if the functions of the subject are those of a newer Parley."""
    if newer := _newer(versions, version):
        what = "The database functions are" if subject == "database" else "The backup is"
        raise MigrationError(f"{what} from Parley {max(newer, key=_number)}, but this is version {version}.")


def _newer(versions: Iterable[str], version: str) -> list[str]:
    return [one for one in versions if _number(one) > _number(version)]


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))
