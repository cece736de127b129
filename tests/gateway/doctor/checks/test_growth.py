"""What grows without end is told with its size and age."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.doctor.checks import growth as module
from gateway.doctor.checks.growth import change_feed, grown, growth, removals, trash
from gateway.doctor.finding import Finding, Severity
from gateway.records import SIZES, keep, kept
from tests.gateway.doctor.checking import execute, problems, run_check, settings_on
from tests.kit.database import Database
from tests.kit.serving import Client, Serving

DAY = 86_400

NOBODY = "00000000-0000-7000-8000-000000000000"
MANY_CHANGES = """
INSERT INTO parley.changes (user_id, version, entity, entity_id, op, data, at)
SELECT '00000000-0000-7000-8000-000000000000', n, 'notes', parley.uuid7(), 'insert', '{}', now() - interval '40 days'
FROM generate_series(1, 20000) AS n
"""

AGE_TRASH = """
UPDATE parley.conversations SET deleted_at = now() - interval '{days} days' WHERE deleted_at IS NOT NULL
"""

REQUEST_PURGE = """
INSERT INTO parley.purges (user_id, entity, entity_id, requested_at)
SELECT user_id, 'conversations', parley.uuid7(), now() - interval '{hours} hours' FROM parley.users LIMIT 1
"""

AGE_ACCOUNT = "UPDATE parley.users SET deleted_at = now() - interval '2 days', purge_at = now() - interval '2 days'"


@pytest.fixture
def settings(database: Database, tmp_path: Path, serving: Serving) -> Settings:
    """An installation that is used."""
    return settings_on(database, tmp_path)


async def only(check: object, settings: Settings) -> Finding:
    """The one finding of a check."""
    (finding,) = (await run_check(check, settings)).findings  # type: ignore[arg-type]
    return finding


async def test_feed_is_told_with_its_size_and_age(database: Database, settings: Settings, user: Client) -> None:
    for _ in range(3):
        await user.make("createConversation", "conversation")
    finding = await only(change_feed, settings)
    count = int(finding.facts["rows"] or 0)
    assert (finding.severity, finding.facts["older_than_7_days"]) == (Severity.NOTE, 0)
    await execute(database, "UPDATE parley.changes SET at = at - interval '10 days' WHERE entity = 'conversations'")
    finding = await only(change_feed, settings)
    assert (finding.facts["rows"], finding.facts["older_than_7_days"]) == (count, 3)
    assert finding.facts["older_than_30_days"] == 0


async def test_large_feed_of_old_changes_is_a_warning_until_they_are_gone(
    database: Database, settings: Settings, user: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await user.make("createConversation", "conversation")
    await execute(database, "UPDATE parley.changes SET at = at - interval '100 days' WHERE entity = 'conversations'")
    assert await problems(change_feed, settings) == []
    monkeypatch.setattr(module, "LARGE_BYTES", 0)
    (finding,) = await problems(change_feed, settings)
    assert "are older than 30 days (PARLEY_FEED_DAYS)" in finding.problem
    assert finding.command == "parley jobs run prune_feed"
    longer = settings.model_copy(update={"feed_days": 110})
    assert await problems(change_feed, longer) == []
    feed, *_ = (await run_check(change_feed, longer)).findings
    assert (feed.facts["older_than_feed_days"], feed.facts["older_than_90_days"]) == (
        0,
        finding.facts["older_than_feed_days"],
    )
    await execute(database, "DELETE FROM parley.changes WHERE at < now() - interval '90 days'")
    assert await problems(change_feed, settings) == []


async def test_estimates_of_a_large_feed_come_from_a_sample(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = 20_000
    await execute(database, MANY_CHANGES)
    monkeypatch.setattr(module, "SAMPLED_PAGES", 40)
    monkeypatch.setattr(module, "LARGE_BYTES", 0)
    note, *more = [each for each in (await run_check(change_feed, settings)).findings if each.severity is Severity.NOTE]
    assert 0.3 * rows < int(note.facts["rows"] or 0) < 3 * rows
    assert int(note.facts["older_than_30_days"] or 0) > 0.2 * rows
    assert [str(each.subject) for each in more] == [NOBODY]
    await execute(database, "DELETE FROM parley.changes WHERE entity = 'notes'")


async def test_trash_that_should_be_gone_is_a_warning(database: Database, settings: Settings, user: Client) -> None:
    assert (await run_check(trash, settings)).status == "ok"
    for _ in range(2):
        made = await user.make("createConversation", "conversation")
        await user.make("deleteConversation", "conversation", id=made["id"])
    finding = await only(trash, settings)
    assert (finding.subject, finding.severity) == ("conversations", Severity.NOTE)
    assert (finding.facts["deleted_rows"], finding.facts["older_than_30_days"]) == (2, 0)
    await execute(database, "ALTER TABLE parley.conversations DISABLE TRIGGER USER", AGE_TRASH.format(days=31))
    finding = await only(trash, settings)
    assert (finding.severity, finding.facts["older_than_30_days"]) == (Severity.NOTE, 2)
    await execute(database, AGE_TRASH.format(days=40))
    (finding,) = await problems(trash, settings)
    assert (finding.subject, finding.command) == ("conversations", "parley jobs run purge_trash")
    await execute(
        database,
        "DELETE FROM parley.conversations WHERE deleted_at IS NOT NULL",
        "ALTER TABLE parley.conversations ENABLE TRIGGER USER",
    )
    assert (await run_check(trash, settings)).status == "ok"


async def test_removal_that_makes_no_progress_is_a_warning(
    database: Database, settings: Settings, user: Client
) -> None:
    await execute(database, REQUEST_PURGE.format(hours=1))
    assert await problems(removals, settings) == []
    await execute(database, REQUEST_PURGE.format(hours=50))
    (finding,) = await problems(removals, settings)
    assert "1 removal made no progress" in finding.problem
    assert finding.command == "parley jobs run purge_trash"
    await execute(database, "DELETE FROM parley.purges")
    assert (await run_check(removals, settings)).status == "ok"
    await execute(database, "ALTER TABLE parley.users DISABLE TRIGGER USER", AGE_ACCOUNT)
    (finding,) = await problems(removals, settings)
    assert (finding.subject, finding.command) == ("purge_accounts", "parley jobs run purge_accounts")
    await execute(
        database,
        "UPDATE parley.users SET deleted_at = NULL, purge_at = NULL",
        "ALTER TABLE parley.users ENABLE TRIGGER USER",
    )


async def test_growth_is_told_from_the_second_time_on(database: Database, settings: Settings) -> None:
    assert "first examination" in str((await run_check(growth, settings)).not_checked)
    assert (await run_check(growth, settings)).status == "ok"
    await execute(database, "CREATE TABLE parley.more AS SELECT repeat('x', 100) FROM generate_series(1, 10000)")
    finding = await only(growth, settings)
    assert "most of it in more" in finding.problem
    assert int(finding.facts["bytes"] or 0) > 1_000_000
    await execute(database, "DROP TABLE parley.more")


async def test_sizes_of_another_database_are_not_compared(settings: Settings) -> None:
    keep(settings.data_dir, SIZES, {"at": "2026-01-01T00:00:00+00:00", "database": "another", "bytes": {}})
    assert "first examination" in str((await run_check(growth, settings)).not_checked)


async def test_sizes_are_replaced_after_a_day(settings: Settings) -> None:
    await run_check(growth, settings)
    first = kept(settings.data_dir, SIZES)
    assert first
    await run_check(growth, settings)
    assert kept(settings.data_dir, SIZES) == first
    keep(settings.data_dir, SIZES, {**first, "at": "2026-01-01T00:00:00+00:00"})
    await run_check(growth, settings)
    assert json.loads((settings.data_dir / SIZES).read_text())["at"] > first["at"]


async def test_growth_is_not_checked_where_nothing_can_be_kept(settings: Settings, tmp_path: Path) -> None:
    missing = settings.model_copy(update={"data_dir": tmp_path / "missing"})
    assert "Sizes cannot be kept" in str((await run_check(growth, missing)).not_checked)


def test_disk_that_will_be_full_is_a_warning() -> None:
    findings = list(grown({"a": 0, "b": 5}, {"a": 1000, "b": 5}, 2 * DAY, free=5000))
    assert [finding.severity for finding in findings] == [Severity.NOTE, Severity.WARNING]
    assert "full in 10 days" in findings[1].problem
    assert [each.severity for each in grown({"a": 0}, {"a": 1000}, 2 * DAY, free=500_000)] == [Severity.NOTE]
    assert "shrank by 5 bytes" in next(grown({"a": 5}, {"a": 0}, DAY, free=0)).problem
    assert list(grown({"a": 5}, {"a": 5}, DAY, free=0)) == []
