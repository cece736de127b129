"""A dump is counted by its own lines, and a restore changes none that is data."""

from __future__ import annotations

import re

import pytest

from gateway.backup.archive import Manifest
from gateway.backup.restore import CREATE_SCHEMAS, TOO_NEW, script
from gateway.backup.tally import Tally, differences

DUMP = [
    b"SET transaction_timeout = 0;\n",
    b"CREATE SCHEMA parley;\n",
    b"COPY parley.notes (id, text) FROM stdin;\n",
    b"1\tCOPY parley.others (id) FROM stdin;\n",
    b"CREATE SCHEMA parley;\n",
    b"SET transaction_timeout = 0;\n",
    b"\\\\.\n",
    b"\\.\n",
    b'COPY parley."Odd ""name" (id) FROM stdin;\n',
    b"\\.\n",
    b"COPY parley.without_columns  FROM stdin;\n",
    b"\n",
    b"\\.\n",
]


def test_rows_are_counted_by_table() -> None:
    advanced: list[int] = []
    tally = Tally()
    assert list(tally.passing(DUMP, advanced.append)) == DUMP
    assert tally.rows == {"notes": 4, 'Odd "name': 0, "without_columns": 1}
    assert sum(advanced) == 5


def test_many_rows_are_told_as_they_pass() -> None:
    advanced: list[int] = []
    lines = [b"COPY parley.notes (id) FROM stdin;\n", *[b"1\n"] * 2500, b"\\.\n"]
    tally = Tally()
    list(tally.passing(lines, advanced.append))
    assert (tally.rows, advanced) == ({"notes": 2500}, [1000, 1000, 500])


@pytest.mark.parametrize(("major", "left_out"), [(18, CREATE_SCHEMAS), (16, CREATE_SCHEMAS | {TOO_NEW})])
def test_restore_leaves_out_what_the_server_cannot_take_but_no_row(major: int, left_out: set[bytes]) -> None:
    tally = Tally()
    manifest = Manifest("0", "2026-01-01", 16, (), (), {"it's": 1})
    written = list(script(tally.passing(DUMP, lambda _: None), tally, manifest, major))
    head, *lines = written[:-3]
    assert re.fullmatch(rb"\\restrict \w{32}\nBEGIN;\nSET LOCAL ROLE parley_owner;\n", head)
    assert lines == [line for line in DUMP[:2] if line not in left_out] + DUMP[2:]
    assert b"'{\"it''s\":1}'" in written[-3]
    assert written[-1] == b"COMMIT;\n"


def test_differences_name_each_table() -> None:
    assert differences({"users": 12, "notes": 1}, {"users": 0, "notes": 1, "more": 2}) == [
        "more has 2 rows instead of 0.",
        "users has 0 rows instead of 12.",
    ]
