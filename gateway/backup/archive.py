"""The backup file: a ZIP of the database as SQL, the signing keys, and a manifest of the expected contents.

It is written to a temporary file that only its owner can read, because it contains the signing keys. It gets its final
name when it is complete, so that a partial backup never looks like a whole one.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson

from gateway.backup.tally import Tally, differences
from gateway.data.setup.migration import Applied
from gateway.refusal import Refusal
from gateway.telemetry.progress import bar

FORMAT = 1
MANIFEST, KEYS, DATABASE = "manifest.json", "signing-keys.json", "database.sql"
COMPRESSION = 4
BUFFER = 1 << 20

MOST_AT_ONCE = 4 << 20
"""Size limit of members that are read into memory."""

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError)
NOT_OURS = (*DAMAGE, RuntimeError)
"""Opening a member also raises `RuntimeError`, if it is encrypted or uses unsupported features of ZIP."""


class BackupError(Refusal):
    """A backup cannot be made or used."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role with privileges on the backed-up objects."""

    name: str
    login: bool
    member_of: tuple[str, ...]
    verifier: str | None
    """Its password verifier, if the role that made the backup could read it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of a backup."""

    parley: str
    made_at: str
    postgres: int
    """The major version of the server."""
    migrations: tuple[Applied, ...]
    roles: tuple[Role, ...]
    rows: dict[str, int]
    """The number of rows in each table."""

    @property
    def total(self) -> int:
        """The number of rows in all tables."""
        return sum(self.rows.values())

    def written(self) -> bytes:
        return orjson.dumps({"format": FORMAT, **asdict(self)}, option=orjson.OPT_INDENT_2)

    @classmethod
    def read(cls, text: bytes) -> Manifest:
        """Parse a manifest. Raises `BackupError` if a newer version wrote it."""
        fields: dict[str, Any] = dict(orjson.loads(text))
        if fields.pop("format") != FORMAT:
            raise BackupError(f"It was made by Parley {fields.get('parley')}, which is newer than this one.")
        fields["migrations"] = tuple(Applied(**each) for each in fields["migrations"])
        fields["roles"] = tuple(Role(**{**each, "member_of": tuple(each["member_of"])}) for each in fields["roles"])
        fields["postgres"] = int(fields["postgres"])
        fields["rows"] = {name: int(count) for name, count in dict(fields["rows"]).items()}
        return cls(**fields)


class Archive:
    """A backup opened for reading."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in file.infolist()):
            raise ValueError("its compression method is not supported")
        self.manifest = Manifest.read(self._read(MANIFEST))
        self.keys = self._read(KEYS)

    def _read(self, name: str) -> bytes:
        if self._file.getinfo(name).file_size > MOST_AT_ONCE:
            raise ValueError(f"{name} is too large")
        return self._file.read(name)

    @contextlib.contextmanager
    def lines(self) -> Iterator[io.BufferedReader]:
        """The lines of the database's dump."""
        try:
            opened_member = self._file.open(DATABASE)
        except (*NOT_OURS, KeyError) as error:
            raise _damaged(self._file.filename, error) from error
        with opened_member as member:
            try:
                # zipfile's own readline is slow, because it is written in Python.
                yield io.BufferedReader(cast("io.RawIOBase", member), BUFFER)
            except DAMAGE as error:
                raise _damaged(self._file.filename, error) from error

    def verify(self) -> None:
        """Read the whole dump. Raises `BackupError` unless each table has the expected number of rows."""
        tally = Tally()
        with bar("Checking the backup", self.manifest.total) as advance, self.lines() as lines:
            for _ in tally.passing(lines, advance):
                pass
        if problems := differences(self.manifest.rows, tally.rows):
            raise BackupError("The backup does not match the database:", problems)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Open a backup for reading. Raises `BackupError` if it is not a backup or cannot be read."""
    with contextlib.ExitStack() as stack:
        try:
            archive = Archive(stack.enter_context(zipfile.ZipFile(path)))
        except OSError as error:
            raise BackupError(f"{path} cannot be read: {error.strerror or error}.") from error
        except (*NOT_OURS, KeyError, TypeError, ValueError) as error:
            raise _damaged(path, error) from error
        yield archive


def _damaged(path: object, error: Exception) -> BackupError:
    return BackupError(f"{path} is not a Parley backup, or it is damaged: {error}.")


class Draft:
    """A backup that is being written."""

    def __init__(self, file: BinaryIO, manifest: Manifest, keys: bytes) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION)
        self._zip.writestr(MANIFEST, manifest.written())
        self._zip.writestr(KEYS, keys)

    def write(self, lines: Iterator[bytes]) -> None:
        """Write the dump, which completes the file."""
        with self._zip, self._zip.open(DATABASE, "w", force_zip64=True) as member:
            buffered = io.BufferedWriter(cast("io.RawIOBase", member), BUFFER)
            buffered.writelines(lines)
            buffered.flush()


@contextlib.contextmanager
def new_archive(path: Path, manifest: Manifest, keys: bytes) -> Iterator[Draft]:
    """Write a backup. At the end of the block it is verified against the manifest and gets its name."""
    if path.exists() and not path.is_file():
        raise BackupError(f"{path} is not a file.")  # such as /dev/null, which would be replaced by a file
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}.") from error
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield Draft(file, manifest, keys)
            file.flush()
            os.fsync(file.fileno())
        with opened(draft) as archive:
            archive.verify()
        draft.replace(path)
        _to_disk(path.parent)
    except ConnectionError:
        raise  # the database's
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _to_disk(directory: Path) -> None:
    """Flush the directory, so that the new name survives a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
