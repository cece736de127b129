"""Counts the rows of each table in a dump while its lines are streamed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gateway.telemetry.progress import Advance

_COPY = re.compile(rb'COPY \w+\.(?:"((?:[^"]|"")+)"|(\w+)) +(?:\(.*\) )?FROM stdin;\n')
_END = b"\\.\n"
_AT_A_TIME = 1000


@dataclass(slots=True)
class Tally:
    """The rows of each table in the lines read so far."""

    rows: dict[str, int] = field(default_factory=dict)
    copying: bool = False
    """Whether the last line was a row or the beginning of rows."""

    def passing(self, lines: Iterable[bytes], advance: Advance) -> Iterator[bytes]:
        """Yield the same lines, and count their rows. Calls `advance` with the rows' number."""
        table, count = "", 0
        for line in lines:
            if self.copying:
                if line == _END:
                    self.rows[table] += count
                    advance(count % _AT_A_TIME)
                    self.copying = False
                else:
                    count += 1
                    if count % _AT_A_TIME == 0:
                        advance(_AT_A_TIME)
            elif begun := _COPY.fullmatch(line):
                table, count = _name(begun), 0
                self.rows.setdefault(table, 0)
                self.copying = True
            yield line


def differences(expected: Mapping[str, int], actual: Mapping[str, int]) -> list[str]:
    """A sentence for each table with an unexpected number of rows."""
    return [
        f"{table} has {actual.get(table, 0)} rows instead of {expected.get(table, 0)}."
        for table in sorted(expected.keys() | actual.keys())
        if expected.get(table) != actual.get(table)
    ]


def _name(begun: re.Match[bytes]) -> str:
    quoted, plain = begun.groups()
    return (plain or quoted.replace(b'""', b'"')).decode()
