"""Counts what a dump holds, table by table, as its lines go by."""

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
    """The rows of each table, of the lines that have passed."""

    rows: dict[str, int] = field(default_factory=dict)
    copying: bool = False
    """Whether the line that passed last is a row, or begins them."""

    def passing(self, lines: Iterable[bytes], advance: Advance) -> Iterator[bytes]:
        """The same lines, counted. `advance` is told of the rows."""
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


def differences(expected: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """A sentence for each table of which there are not as many rows as there should be."""
    return [
        f"{table} has {found.get(table, 0)} rows instead of {expected.get(table, 0)}."
        for table in sorted(expected.keys() | found.keys())
        if expected.get(table) != found.get(table)
    ]


def _name(begun: re.Match[bytes]) -> str:
    quoted, plain = begun.groups()
    return (plain or quoted.replace(b'""', b'"')).decode()
