"""The ZIP of an export, made of stored pieces of deflate streams, so that a download compresses nothing.

Python's `zipfile` cannot take text that is compressed already. The format is that of APPNOTE.TXT 6.3, with ZIP64 where
a size or an offset needs it. All sizes are known before the first byte, so a download has a `Content-Length`.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

KEPT = datetime.timedelta(days=7)
"""For how long an export can be downloaded after its job has ended. Then its parts are removed."""

END_OF_STREAM = b"\x03\x00"
"""An empty last block, which ends a deflate stream."""

_LARGEST, _MOST_FILES = 0xFFFFFFFF, 0xFFFF
_DEFLATED = 8
_NAMES_ARE_UTF8 = 1 << 11
_VERSION, _VERSION_ZIP64 = 20, 45
_MADE_ON_UNIX = 3 << 8
_READABLE_BY_OWNER = 0o100600 << 16
_ZIP64 = 1


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an export, and the positions of its parts."""

    name: str
    begins_at: int
    ends_at: int
    """The position of its last part."""
    size: int
    deflated_size: int
    """The bytes of its parts together."""
    crc: int

    @property
    def stream_bytes(self) -> int:
        """The bytes of its deflate stream, with the end."""
        return self.deflated_size + len(END_OF_STREAM)


@dataclass(frozen=True, slots=True)
class Archive:
    """A ZIP of stored files."""

    files: Sequence[StoredFile]
    made_at: datetime.datetime
    largest: int = _LARGEST
    """The largest size and offset that is written without ZIP64."""

    @property
    def total_bytes(self) -> int:
        """The size of the ZIP."""
        streams = sum(file.stream_bytes for file in self.files)
        return streams + sum(len(self._head(file)) for file in self.files) + len(self._directory())

    async def pieces(self, deflated: Callable[[int], Awaitable[bytes]]) -> AsyncIterator[bytes]:
        """The ZIP in pieces. `deflated` reads the part at a position."""
        for file in self.files:
            yield self._head(file)
            for position in range(file.begins_at, file.ends_at + 1):
                yield await deflated(position)
            yield END_OF_STREAM
        yield self._directory()

    def _head(self, file: StoredFile) -> bytes:
        """What precedes the content of a file."""
        name, is_large = file.name.encode(), self._is_large(file)
        extra = struct.pack("<HHQQ", _ZIP64, 16, file.size, file.stream_bytes) if is_large else b""
        sizes = (_LARGEST, _LARGEST) if is_large else (file.stream_bytes, file.size)
        return (
            struct.pack(
                "<4sHHHHHLLLHH",
                *(b"PK\3\4", _VERSION_ZIP64 if is_large else _VERSION, _NAMES_ARE_UTF8, _DEFLATED, *self._dos_time()),
                *(file.crc, *sizes, len(name), len(extra)),
            )
            + name
            + extra
        )

    def _directory(self) -> bytes:
        """What follows the last file: the list of all files, and the end records."""
        entries = b"".join(self._entry(file, offset) for file, offset in self._offsets())
        start = sum(len(self._head(file)) + file.stream_bytes for file in self.files)
        number = len(self.files)
        end = b""
        if start > self.largest or len(entries) > self.largest or number >= _MOST_FILES:
            record = (44, _MADE_ON_UNIX | _VERSION_ZIP64, _VERSION_ZIP64, 0, 0, number, number, len(entries), start)
            end = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", *record)
            end += struct.pack("<4sLQL", b"PK\6\7", 0, start + len(entries), 1)
            number, start, size = _MOST_FILES, _LARGEST, _LARGEST
        else:
            size = len(entries)
        return entries + end + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, number, number, size, start, 0)

    def _offsets(self) -> Iterator[tuple[StoredFile, int]]:
        offset = 0
        for file in self.files:
            yield file, offset
            offset += len(self._head(file)) + file.stream_bytes

    def _entry(self, file: StoredFile, offset: int) -> bytes:
        """A file in the list of all files."""
        name, is_large = file.name.encode(), self._is_large(file) or offset > self.largest
        extra = struct.pack("<HHQQQ", _ZIP64, 24, file.size, file.stream_bytes, offset) if is_large else b""
        sizes = (_LARGEST, _LARGEST) if is_large else (file.stream_bytes, file.size)
        version = _VERSION_ZIP64 if is_large else _VERSION
        return (
            struct.pack(
                "<4sHHHHHHLLLHHHHHLL",
                *(b"PK\1\2", _MADE_ON_UNIX | version, version, _NAMES_ARE_UTF8, _DEFLATED, *self._dos_time()),
                *(file.crc, *sizes, len(name), len(extra), 0, 0, 0, _READABLE_BY_OWNER),
                _LARGEST if is_large else offset,
            )
            + name
            + extra
        )

    def _is_large(self, file: StoredFile) -> bool:
        return max(file.size, file.stream_bytes) > self.largest

    def _dos_time(self) -> tuple[int, int]:
        """The time of all files, in UTC, as the format has it: in steps of two seconds."""
        at = self.made_at
        return at.hour << 11 | at.minute << 5 | at.second // 2, at.year - 1980 << 9 | at.month << 5 | at.day
