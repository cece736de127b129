"""The command line says what is wrong in a line, without a traceback, and tells it by its exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.database import Database

ROOT = Path(__file__).parents[2]


def parley(*arguments: str, directory: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env={**clean, "PYTHONPATH": str(ROOT), "PARLEY_LOG_FORMAT": "text", **environment},
    )


def test_bad_settings_are_listed_and_end_with_status_2() -> None:
    result = parley("serve", PARLEY_PORT="99999", PARLEY_LOG_LEVEL="loud")
    assert result.returncode == 2
    assert result.stderr.startswith("parley: These settings cannot be used:\n  - PARLEY_")
    assert "PARLEY_PORT" in result.stderr
    assert "PARLEY_LOG_LEVEL" in result.stderr
    assert "Traceback" not in result.stderr


def test_option_of_the_command_line_is_checked_like_a_setting() -> None:
    result = parley("serve", "--port", "-1")
    assert result.returncode == 2
    assert "PARLEY_PORT: -1 should be greater than or equal to 0" in result.stderr


def test_number_of_workers_is_checked_like_a_setting() -> None:
    result = parley("serve", "--workers", "0")
    assert result.returncode == 2
    assert "PARLEY_WORKERS: 0 should be greater than or equal to 1" in result.stderr


def test_keys_that_others_may_read_are_refused_without_a_traceback(empty_database: Database, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text("{}")
    keys.chmod(0o644)
    result = parley(
        *("serve", "--port", "0"),
        PARLEY_DATABASE_URL=empty_database.runtime_url,
        PARLEY_OWNER_URL=empty_database.owner_url,
        PARLEY_SIGNING_KEYS=str(keys),
        PARLEY_LOG_LEVEL="error",
    )
    assert result.returncode == 1
    assert result.stderr.startswith(f"parley: PARLEY_SIGNING_KEYS: others may read or write {keys}.")
    assert "Traceback" not in result.stderr


def test_unreachable_database_is_one_line_and_status_1() -> None:
    url = "postgresql://app:hunter2@127.0.0.1:1/parley"
    result = parley("migrate", PARLEY_DATABASE_URL=url, PARLEY_OWNER_URL=url)
    assert result.returncode == 1
    assert result.stderr.startswith("parley: PostgreSQL at 127.0.0.1:1/parley (role app) does not answer")
    assert result.stderr.count("\n") == 1


def test_migrate_says_what_it_did(empty_database: Database) -> None:
    def migrate() -> str:
        return parley(
            "migrate",
            PARLEY_DATABASE_URL=empty_database.runtime_url,
            PARLEY_OWNER_URL=empty_database.owner_url,
        ).stderr

    assert "Applied " in migrate()
    assert "The database is up to date.\n" in migrate()


def test_check_fails_where_the_file_differs_and_a_misspelt_setting_is_told(tmp_path: Path) -> None:
    failed = parley("schema", "--sql", "--check", directory=tmp_path, PARLEY_LOG_FORMATT="json")
    assert failed.returncode == 1
    assert "Run: make schema" in failed.stderr
    assert "Did you mean PARLEY_LOG_FORMAT?" in failed.stderr


@pytest.mark.parametrize("command", ["serve", "migrate", "schema", "demo", "explain"])
def test_each_command_has_help(command: str) -> None:
    result = parley(command, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: parley {command}")
