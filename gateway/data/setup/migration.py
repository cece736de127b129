"""Migrations, and whether the files and the database agree. Nothing here talks to a database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import asyncpg

from gateway.refusal import Refusal

DIRECTORY = Path(__file__).parents[3] / "sql" / "migrations"
FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
NO_TRANSACTION = "-- no transaction"
STATEMENT = re.compile(r"(?:\$(\w*)\$.*?\$\1\$|.)+?(?:;[ \t]*(?=\n|$)|$)", re.DOTALL)


FROM_BEFORE = {
    "database": "The database was created before the release of 0.1.0, whose migrations were rewritten. It cannot be "
    "migrated. Serve it with the version that created it, or start with an empty database: set PARLEY_DATA_DIR to a "
    "new directory, or PARLEY_DATABASE_URL and PARLEY_OWNER_URL to another database.",
    "backup": "The backup was made before the release of 0.1.0, whose migrations were rewritten. Restore it with the "
    "version that made it.",
}
"""Since that release, the first migration keeps its name."""


Subject = Literal["database", "backup"]
"""What migrations and functions were applied to."""


class MigrationError(Refusal):
    """The database cannot be migrated to the schema of this version."""


class File(Protocol):
    """An SQL file that may be applied to a database."""

    @property
    def name(self) -> str:
        """Its name in messages: the path without `.sql`."""

    @property
    def text(self) -> str:
        """The SQL."""

    @property
    def transactional(self) -> bool:
        """Whether it runs in one transaction."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file. `name` is the file name without `.sql`."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Identifies the text, to compare it with what was applied."""
        return checksum_of(self.text)

    @property
    def transactional(self) -> bool:
        """Whether the file runs in one transaction."""
        return not self.text.startswith(NO_TRANSACTION)

    def statements(self) -> list[str]:
        """Split a file without a transaction into statements.

        A statement ends with a `;` at the end of a line, outside of dollar-quoted bodies.
        """
        body = self.text.removeprefix(NO_TRANSACTION)
        parts = [match[0] for match in STATEMENT.finditer(body)]
        return [part for part in parts if re.sub(r"--[^\n]*", "", part).strip()]


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that was applied to the database."""

    number: int
    name: str
    checksum: str


def checksum_of(text: str) -> str:
    """A checksum that does not depend on line endings."""
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()


def read_migrations(directory: Path | None = None) -> list[Migration]:
    """Read the migrations of a directory, in order."""
    paths = sorted((directory or DIRECTORY).glob("*.sql"))
    if wrong := [path.name for path in paths if not FILE_NAME.fullmatch(path.name)]:
        raise MigrationError(f"Migrations must be named like 0001_accounts.sql, but there is {', '.join(wrong)}.")
    migrations = [Migration(int(path.name[:4]), path.stem, path.read_text(encoding="utf-8")) for path in paths]
    for number, migration in enumerate(migrations, start=1):
        if migration.number != number:
            raise MigrationError(f"Migrations must be numbered without gaps: {migration.name} should be {number:04}.")
    return migrations


def outstanding(
    migrations: Sequence[Migration],
    applied: Sequence[Applied],
    *,
    ahead_is_fine: bool = False,
    subject: Subject = "database",
) -> list[Migration]:
    """The migrations still to be applied. Raises `MigrationError` if others were applied to the subject."""
    known = {migration.number: migration for migration in migrations}
    if any(past.number == 1 and past.name != known[1].name for past in applied):
        raise MigrationError(FROM_BEFORE[subject])
    problems = []
    for past in applied:
        migration = known.get(past.number)
        if migration is None and not ahead_is_fine:
            problems.append(
                f"{past.name} is unknown: the {subject} belongs to a newer version of Parley. Use that version, or "
                f"another {subject}."
            )
        elif migration is not None and migration.name != past.name:
            problems.append(f"{past.name} was applied, which is called {migration.name} here.")
        elif migration is not None and migration.checksum != past.checksum:
            problems.append(f"{past.name} was changed after it was applied. Revert it, and add a new migration.")
    if problems:
        raise MigrationError(f"The {subject} does not match this version of Parley:", problems)
    done = {past.number for past in applied}
    return [migration for migration in migrations if migration.number not in done]


def failure(file: File, error: asyncpg.PostgresError) -> MigrationError:
    """The error for a statement that PostgreSQL rejected."""
    position = getattr(error, "position", None)
    line = f" in line {file.text[: int(position)].count(chr(10)) + 1}" if position and file.transactional else ""
    detail = "".join(f" {text}" for text in (getattr(error, "detail", None), getattr(error, "hint", None)) if text)
    kept = "It changed nothing." if file.transactional else "Its earlier statements remain applied."
    return MigrationError(f"Migration {file.name} failed{line}: {error.args[0]}.{detail} {kept}")
