"""PostgreSQL's programs are as new as the server, and nobody sees a password in a list of processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.backup.archive import BackupError
from gateway.backup.program import Program, without_password


@pytest.mark.parametrize(
    ("url", "address", "password"),
    [
        ("postgresql://app:p%40ss@one:1,[::2]:2/parley", "postgresql://app@one:1,[::2]:2/parley", "p@ss"),
        (
            "postgresql://app@/parley?host=/run/db&port=5432",
            "postgresql://app@/parley?host=%2Frun%2Fdb&port=5432",
            None,
        ),
        ("postgres://db/parley?user=a&password=p%26q", "postgres://db/parley?user=a", "p&q"),
        ("postgresql:///parley", "postgresql:///parley", None),
    ],
)
def test_password_is_taken_out_of_a_url(url: str, address: str, password: str | None) -> None:
    assert without_password(url) == (address, password)
    program = Program.find("psql", url, 18, embedded=False)
    assert program.environment.get("PGPASSWORD") == password
    assert program.address == address


@pytest.mark.parametrize(("version", "is_enough"), [("98.4", False), ("99.1 (Debian 99.1-1)", True)])
def test_newer_server_takes_newer_programs(
    version: str, is_enough: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "psql"
    program.write_text(f"#!/bin/sh\necho 'psql (PostgreSQL) {version}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if is_enough:
        assert Program.find("psql", "postgresql:///parley", 99, embedded=False).path == str(program)
    else:
        with pytest.raises(BackupError, match="Install pg_dump and psql of PostgreSQL 99 or newer"):
            Program.find("psql", "postgresql:///parley", 99, embedded=False)
