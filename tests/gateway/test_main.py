"""The command line says what is wrong in a line, without a traceback, and tells it by its exit status."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit.database import Database
from tests.kit.environment import without_settings

ROOT = Path(__file__).parents[2]


def parley(*arguments: str, directory: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env={**without_settings(), "PYTHONPATH": str(ROOT), "PARLEY_LOG_FORMAT": "text", **environment},
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


def test_options_of_the_demo_agent_need_the_agent() -> None:
    result = parley("demo", "--once")
    assert result.returncode == 2
    assert "parley demo agent" in result.stderr


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
    assert result.stderr.endswith(f"chmod 600 {keys}\n")
    assert "Traceback" not in result.stderr


def test_backup_without_the_keys_says_which_file_to_name(database: Database, tmp_path: Path) -> None:
    result = parley(
        *("backup", str(tmp_path / "backup")),
        PARLEY_DATABASE_URL=database.runtime_url,
        PARLEY_OWNER_URL=database.owner_url,
        PARLEY_DATA_DIR=str(tmp_path),
    )
    keys = tmp_path / "signing-keys.json"
    assert result.stderr.startswith(f"parley: PARLEY_SIGNING_KEYS: {keys} does not exist. Name the file")


def test_unreachable_database_is_one_line_and_status_1() -> None:
    url = "postgresql://app:hunter2@127.0.0.1:1/parley"
    result = parley("migrate", PARLEY_DATABASE_URL=url, PARLEY_OWNER_URL=url, PARLEY_LOG_LEVEL="error")
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


def test_version_is_told() -> None:
    assert parley("--version").stdout == f"parley {importlib.metadata.version('parley')}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("explain", "nowhere.graphql"), "nowhere.graphql cannot be read: No such file or directory."),
        (("explain", "."), ". cannot be read: Is a directory."),
        (("explain", "latin.graphql"), "latin.graphql is not UTF-8."),
        (("restore", "nowhere.backup"), "nowhere.backup cannot be read: No such file or directory."),
        (("restore", "latin.graphql"), "latin.graphql is not a Parley backup, or it is damaged"),
        (("backup", "nowhere/file"), "There is no database in "),
        (("schema", "--write"), "schema.graphql cannot be written: Is a directory."),
        (("schema", "--check"), "schema.graphql cannot be read: Is a directory."),
        (("serv",), "argument command: invalid choice: 'serv'"),
    ],
)
def test_file_that_cannot_be_used_is_named(arguments: tuple[str, ...], complaint: str, tmp_path: Path) -> None:
    (tmp_path / "latin.graphql").write_bytes(b"{ caf\xe9 }")
    (tmp_path / "schema.graphql").mkdir()
    result = parley(*arguments, directory=tmp_path, PARLEY_DATA_DIR=str(tmp_path / "data"))
    assert result.returncode in (1, 2)
    assert result.stderr.startswith(f"parley: {complaint}")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["migrate", "serve", "demo"])
def test_owner_alone_does_not_mean_the_embedded_database(command: str, database: Database, tmp_path: Path) -> None:
    result = parley(
        command, PARLEY_OWNER_URL=database.owner_url, PARLEY_DATA_DIR=str(tmp_path / "data"), PARLEY_PORT="0"
    )
    assert result.returncode == 2
    assert "PARLEY_OWNER_URL is set but PARLEY_DATABASE_URL is not." in result.stderr
    assert not (tmp_path / "data").exists()


CRASHES = """
import gc, sys, threading, warnings
from gateway import __main__ as command

class Finalized:
    def __del__(self):
        raise KeyError("finalizer")

def crash(settings, given):
    warnings.warn("a warning")
    Finalized()
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    raise RuntimeError("postgresql://app:hunter2@db/parley")

command.commands.explain = crash
sys.exit(command.main(["explain"]))
"""


def test_crash_is_a_line_of_json_like_everything_else() -> None:
    result = subprocess.run(
        [sys.executable, "-c", CRASHES],
        capture_output=True,
        text=True,
        check=False,
        env={**without_settings(), "PYTHONPATH": str(ROOT), "PARLEY_LOG_FORMAT": "json"},
    )
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    told = [next((name for name in SAID if name in json.dumps(line)), line) for line in lines]
    assert told == list(SAID)
    assert "hunter2" not in result.stderr
    assert result.returncode == 1


SAID = ("a warning", "finalizer", "ZeroDivisionError", "RuntimeError")


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("serve",), {"PARLEY_PORT": "99999"}),
        (("serve", "--port", "many"), {}),
        (("explain", "nowhere"), {"PARLEY_POTR": "1"}),
        (("migrate",), {"PARLEY_DATABASE_URL": "postgresql://app:hunter2@127.0.0.1:1/parley"}),
    ],
)
def test_refusals_are_json_where_logs_are(arguments: tuple[str, ...], environment: dict[str, Any]) -> None:
    result = parley(*arguments, **{"PARLEY_LOG_FORMAT": "json", **environment})
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert lines[-1]["level"] == "error"
    assert lines[-1]["message"].startswith("parley: ")


@pytest.mark.parametrize("command", ["serve", "migrate", "schema", "demo", "backup", "restore", "doctor", "explain"])
def test_each_command_has_help(command: str) -> None:
    result = parley(command, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: parley {command}")
