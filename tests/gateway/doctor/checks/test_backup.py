"""The age of the last backup is told, and a backup makes it young again."""

from __future__ import annotations

import datetime
from pathlib import Path

from gateway.auth.keyring import load_or_create
from gateway.config import Settings
from gateway.doctor.checks.backup import last_backup
from gateway.records import BACKUP, keep, kept
from tests.gateway.doctor.checking import paste, problems, run_check, shell


async def test_backup_that_cannot_be_seen_is_no_alarm(installed: Settings) -> None:
    (finding,) = (await run_check(last_backup, installed)).findings
    assert "by other means" in finding.problem
    assert (await run_check(last_backup, installed)).status == "note"


async def test_old_backup_is_a_warning_until_there_is_another(installed: Settings, tmp_path: Path) -> None:
    load_or_create(installed.signing_keys)
    await shell(f"parley backup {tmp_path}/first.backup", installed)
    (finding,) = (await run_check(last_backup, installed)).findings
    assert finding.facts["file"] == f"{tmp_path}/first.backup"
    assert int(finding.facts["rows"] or 0) > 0
    noted = kept(installed.data_dir, BACKUP)
    assert noted
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=8)
    keep(installed.data_dir, BACKUP, {**noted, "at": long_ago.isoformat()})
    (finding,) = await problems(last_backup, installed)
    assert "is 8 days old" in finding.problem
    await paste(finding, installed)
    assert await problems(last_backup, installed) == []
    assert (tmp_path / "parley.backup").exists()


async def test_backup_of_another_database_does_not_count(installed: Settings) -> None:
    facts = {"at": "2026-01-01T00:00:00+00:00", "file": "parley.backup", "rows": 1, "database": "another"}
    keep(installed.data_dir, BACKUP, facts)
    assert "by other means" in (await run_check(last_backup, installed)).findings[0].problem


async def test_damaged_note_is_no_note(installed: Settings) -> None:
    (installed.data_dir / BACKUP).write_text("{")
    assert "by other means" in (await run_check(last_backup, installed)).findings[0].problem
