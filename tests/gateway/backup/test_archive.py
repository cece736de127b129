"""A file that is no backup, or no longer one, is refused with a sentence, whatever is wrong with it."""

from __future__ import annotations

import os
import random
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest

from gateway.backup.archive import (
    DATABASE,
    KEYS,
    MANIFEST,
    MOST_AT_ONCE,
    BackupError,
    Manifest,
    Role,
    new_archive,
    opened,
)
from gateway.data.setup.migration import Applied

ROWS = b"COPY parley.users (id) FROM stdin;\n" + b"1\n" * 5000 + b"\\.\n"
WRITTEN = Manifest("1", "now", 18, (), (Role("app", True, (), None),), {"users": 5000}).written()


def archive(manifest: bytes = WRITTEN, keys: bytes = b"{}", compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, text in ((MANIFEST, manifest), (KEYS, keys), (DATABASE, ROWS)):
            made.writestr(name, text)
    return file.getvalue()


def read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with opened(path) as backup:
        backup.verify()


def test_backup_that_is_whole_is_read(tmp_path: Path) -> None:
    read(tmp_path / "file", archive())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        *map(archive, [b"[]", b"1", b"null", b'"text"', b"{}", b"\xff", b'{"format": []}']),
        archive(WRITTEN.replace(b'"rows": {', b'"rows": [1, {').replace(b"5000\n  }", b"5000\n  }]")),
        archive(WRITTEN.replace(b"5000", b'"many"')),
        archive(WRITTEN.replace(b"18", b'"new"')),
        archive(WRITTEN.replace(b'"migrations": []', b'"migrations": null')),
        archive(WRITTEN.replace(b'"migrations": []', b'"migrations": [1]')),
        archive(WRITTEN.replace(b'"member_of": []', b'"member_of": null')),
        archive(compression=zipfile.ZIP_LZMA),
        archive(keys=b" " * (MOST_AT_ONCE + 1)),
        archive(WRITTEN + b" " * MOST_AT_ONCE),
    ],
)
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BackupError):
        read(tmp_path / "file", content)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_anywhere_is_refused_or_does_no_harm(tmp_path: Path, compression: int) -> None:
    whole = archive(compression=compression)
    dice = random.Random(compression)  # noqa: S311 - the same damage each time
    for _ in range(400):
        damaged = bytearray(whole)
        damaged[dice.randrange(len(whole))] = dice.randrange(256)
        # Another error than this would be a traceback for whoever restores.
        with suppress(BackupError):
            read(tmp_path / "file", bytes(damaged if dice.random() < 0.8 else damaged[: dice.randrange(len(whole))]))


def test_no_backup_takes_the_place_of_a_device(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    manifest = Manifest("1", "now", 18, (Applied(1, "foundation", "x"),), (), {})
    with pytest.raises(BackupError, match="is not a file"), new_archive(pipe, manifest, b"{}"):
        pass
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
