"""What a migration is, and whether the files and the database tell the same story. Nothing here talks to a
database.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from gateway.refusal import Refusal

DIRECTORY = Path(__file__).parents[3] / "sql" / "migrations"
FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
NO_TRANSACTION = "-- no transaction"
STATEMENT = re.compile(r"(?:\$(\w*)\$.*?\$\1\$|.)+?(?:;[ \t]*(?=\n|$)|$)", re.DOTALL)


class MigrationError(Refusal):
    """The database cannot be brought to the schema of this Parley."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of migrations. `name` is the file's, without `.sql`."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Tells whether the file is what was applied; ends of lines do not count."""
        return hashlib.sha256("\n".join(self.text.splitlines()).encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        """Whether the file runs in one transaction."""
        return not self.text.startswith(NO_TRANSACTION)

    def statements(self) -> list[str]:
        """The statements of a file without a transaction, each of which ends with the `;` at the end of a
        line, unless that is in a body between dollars.
        """
        body = self.text.removeprefix(NO_TRANSACTION)
        parts = [found[0] for found in STATEMENT.finditer(body)]
        return [part for part in parts if re.sub(r"--[^\n]*", "", part).strip()]


@dataclass(frozen=True, slots=True)
class Applied:
    """A migration that the database has been through."""

    number: int
    name: str
    checksum: str


def read_migrations(directory: Path | None = None) -> list[Migration]:
    """The migrations of a directory, in order."""
    paths = sorted((directory or DIRECTORY).glob("*.sql"))
    if wrong := [path.name for path in paths if not FILE_NAME.fullmatch(path.name)]:
        raise MigrationError(f"Migrations are named like 0001_accounts.sql, unlike {', '.join(wrong)}.")
    migrations = [Migration(int(path.name[:4]), path.stem, path.read_text(encoding="utf-8")) for path in paths]
    for number, migration in enumerate(migrations, start=1):
        if migration.number != number:
            raise MigrationError(f"Migrations are numbered without gaps: {migration.name} should be {number:04}.")
    return migrations


def outstanding(
    migrations: Sequence[Migration], applied: Sequence[Applied], *, ahead_is_fine: bool = False
) -> list[Migration]:
    """The migrations still to be applied. Raises `MigrationError` if the database has been through others."""
    known = {migration.number: migration for migration in migrations}
    problems = []
    for past in applied:
        migration = known.get(past.number)
        if migration is None and not ahead_is_fine:
            problems.append(f"{past.name} is not known here: the database belongs to a newer Parley.")
        elif migration is not None and migration.name != past.name:
            problems.append(f"{past.name} is called {migration.name} here.")
        elif migration is not None and migration.checksum != past.checksum:
            problems.append(f"{past.name} was changed after it was applied. Undo that, and add a new migration.")
    if problems:
        raise MigrationError("The database does not fit this version of Parley:", problems)
    done = {past.number for past in applied}
    return [migration for migration in migrations if migration.number not in done]


def failure(migration: Migration, error: asyncpg.PostgresError) -> MigrationError:
    """What to tell about a statement that PostgreSQL refused."""
    position = getattr(error, "position", None)
    line = (
        f" in line {migration.text[: int(position)].count(chr(10)) + 1}" if position and migration.transactional else ""
    )
    detail = "".join(f" {text}" for text in (getattr(error, "detail", None), getattr(error, "hint", None)) if text)
    kept = "It changed nothing." if migration.transactional else "Its earlier statements are applied."
    return MigrationError(f"Migration {migration.name} failed{line}: {error}.{detail} {kept}")
