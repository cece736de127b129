"""The ZIP of stored parts is one that other programs read, and is written part by part."""

from __future__ import annotations

import asyncio
import datetime
import io
import os
import shutil
import threading
import zipfile
import zlib
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path

import pytest

from gateway.export.archive import zipped

AT = datetime.datetime(2026, 11, 30, 14, 5, 42, tzinfo=datetime.UTC)
LARGE = 3 * 1024**3
TEXTS = {
    "manifest.json": [b'{"format": 1}\n'],
    "Message.jsonl": [b"one\n" * 1000, b"two\n" * 3000, os.urandom(70_000)],
    "Empty.jsonl": [b""],
    "Grüße.jsonl": ["Grüße\n".encode()],
}
PARTS = [(name, zlib.compress(text)) for name, texts in TEXTS.items() for text in texts]


async def each(parts: Iterable[tuple[str, bytes]], taken: list[str] | None = None) -> AsyncIterator[tuple[str, bytes]]:
    """The parts one by one, and the names of those that were `taken`."""
    for part in parts:
        if taken is not None:
            taken.append(part[0])
        yield part


async def written(parts: Iterable[tuple[str, bytes]], size: int = 0) -> bytes:
    """The archive, whole."""
    return b"".join([piece async for piece in zipped(each(parts), AT, size, asyncio.Lock())])


@pytest.mark.parametrize("size", [0, LARGE])
async def test_each_file_has_the_texts_of_its_parts(size: int) -> None:
    read = zipfile.ZipFile(io.BytesIO(await written(PARTS, size)))
    assert {name: read.read(name) for name in read.namelist()} == {
        name: b"".join(texts) for name, texts in TEXTS.items()
    }
    assert read.namelist() == list(TEXTS)
    assert {entry.date_time for entry in read.infolist()} == {(2026, 11, 30, 14, 5, 42)}


@pytest.mark.skipif(shutil.which("unzip") is None, reason="this machine has no unzip")
@pytest.mark.parametrize("size", [0, LARGE])
async def test_unzip_finds_no_error(size: int, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(await written(PARTS, size))
    tested = await asyncio.create_subprocess_exec("unzip", "-t", path, stdout=PIPE)
    output, _ = await tested.communicate()
    assert (tested.returncode, output.count(b" OK\n")) == (0, len(TEXTS))


@pytest.mark.parametrize(("size", "extra"), [(0, 0), (LARGE, 20)])
async def test_only_a_large_archive_is_zip64(size: int, extra: int) -> None:
    whole = await written(PARTS, size)
    assert int.from_bytes(whole[28:30], "little") == extra  # bytes that a plain entry does not have


async def test_each_piece_is_given_before_the_next_part_is_read() -> None:
    taken: list[str] = []
    async for piece in zipped(each(PARTS, taken), AT, 0, asyncio.Lock()):
        if "Grüße.jsonl".encode() in piece:
            break
        assert len(taken) < len(PARTS)
    assert len(taken) == len(PARTS)


async def test_a_part_that_is_damaged_ends_the_archive() -> None:
    with pytest.raises(zlib.error):
        await written([*PARTS[:2], ("Message.jsonl", PARTS[2][1][:-1] + b"x")])


async def test_a_part_is_compressed_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turn, held = asyncio.Lock(), list[bool]()

    def seen(text: bytes) -> bytes:
        held.append(turn.locked())
        return text

    monkeypatch.setattr(zlib, "decompress", seen)
    async for _ in zipped(each(PARTS), AT, 0, turn):
        assert not turn.locked()  # others go on while a client reads
    assert held == [True] * len(PARTS)


async def test_an_archive_that_is_abandoned_waits_for_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    began, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(text: bytes) -> bytes:
        began.set()
        may_end.wait()
        ended.set()
        return text

    monkeypatch.setattr(zlib, "decompress", slow)
    async with aclosing(zipped(each(PARTS), AT, 0, asyncio.Lock())) as pieces:
        first = asyncio.ensure_future(anext(pieces))
        try:
            await asyncio.to_thread(began.wait)
            first.cancel()
            for _ in range(10):
                await asyncio.sleep(0)
            assert not first.done()
        finally:
            may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert ended.is_set()
