"""The ZIP of stored parts is one that other programs read, with and without ZIP64."""

from __future__ import annotations

import datetime
import io
import os
import zipfile
import zlib

import pytest

from gateway.export.archive import Archive, StoredFile
from gateway.export.parts import START, Position, compressed

AT = datetime.datetime(2026, 11, 30, 14, 5, 42, tzinfo=datetime.UTC)


def stored(texts: dict[str, list[bytes]], *, largest: int = 0xFFFFFFFF) -> tuple[Archive, list[bytes]]:
    """An archive of files whose parts have these texts, and the parts."""
    at, parts, files = START, list[bytes](), list[StoredFile]()
    for name, pieces in texts.items():
        first = len(parts)
        for piece in pieces:
            parts.append(compressed(piece))
            at = at.plus(name, piece, parts[-1], None, 1)
        assert at.begins_at == first
        files.append(StoredFile(name, first, at.position, at.size, at.deflated_size, at.crc))
    return Archive(files, AT, largest), parts


async def written(archive: Archive, parts: list[bytes]) -> bytes:
    """The archive, whole."""

    async def content(position: int) -> bytes:
        return parts[position]

    return b"".join([piece async for piece in archive.pieces(content)])


TEXTS = {
    "manifest.json": [b'{"format": 1}\n'],
    "Message.jsonl": [b"one\n" * 1000, b"two\n" * 3000, os.urandom(70_000)],
    "Empty.jsonl": [b""],
    "Grüße.jsonl": ["Grüße\n".encode()],
}


@pytest.mark.parametrize("largest", [0xFFFFFFFF, 5000, 0], ids=["plain", "some-zip64", "all-zip64"])
async def test_another_program_reads_each_file(largest: int) -> None:
    archive, parts = stored(TEXTS, largest=largest)
    whole = await written(archive, parts)
    assert len(whole) == archive.total_bytes
    read = zipfile.ZipFile(io.BytesIO(whole))
    assert read.testzip() is None
    assert {name: read.read(name) for name in read.namelist()} == {
        name: b"".join(pieces) for name, pieces in TEXTS.items()
    }
    assert {entry.date_time for entry in read.infolist()} == {(2026, 11, 30, 14, 5, 42)}


async def test_a_part_that_is_missing_or_changed_is_noticed() -> None:
    archive, parts = stored(TEXTS)
    whole = await written(archive, [*parts[:2], compressed(b"2wo\n" * 3000), *parts[3:]])
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(whole)).read("Message.jsonl")


async def test_parts_are_read_one_by_one_as_they_are_taken() -> None:
    archive, parts = stored(TEXTS)
    taken: list[int] = []

    async def content(position: int) -> bytes:
        taken.append(position)
        return parts[position]

    seen = [(len(piece), list(taken)) async for piece in archive.pieces(content) if piece in parts]
    assert [reads for _, reads in seen] == [list(range(n + 1)) for n in range(len(parts))]


def test_a_position_counts_within_its_file_and_over_all() -> None:
    one = START.plus("A.jsonl", b"a\n", b"12345", None, 1).plus("A.jsonl", b"b\nc\n", b"678", None, 2)
    assert one == Position(1, "A.jsonl", 0, None, 3, 6, 8, zlib.crc32(b"a\nb\nc\n"))
    assert one.plus("B.jsonl", b"d\n", b"9", None, 1) == Position(2, "B.jsonl", 2, None, 4, 2, 1, zlib.crc32(b"d\n"))
