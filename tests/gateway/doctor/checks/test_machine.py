"""A clock that is wrong, a disk that is full and a slow Python are found."""

from __future__ import annotations

import datetime
import sys
import sysconfig
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.doctor.checks.machine import clock, disk_space, python_build, skew, space
from gateway.doctor.finding import Severity
from tests.gateway.doctor.checking import execute, problems, run_check, settings_on
from tests.kit.database import Database
from tests.kit.serving import Serving, settings_for

GB = 1024**3


async def test_clocks_of_one_machine_agree(installed: Settings) -> None:
    assert (await run_check(clock, installed)).status == "ok"


@pytest.mark.parametrize(("seconds", "said"), [(90, "90 seconds ahead of"), (-300, "5 minutes behind"), (1.5, "")])
def test_skew_is_told_with_its_direction(seconds: float, said: str) -> None:
    findings = skew(datetime.timedelta(seconds=seconds))
    assert [said in finding.problem for finding in findings] == [True] * bool(said)


async def test_activity_in_the_future_is_found(database: Database, tmp_path: Path, serving: Serving) -> None:
    user = await serving.signed_up()
    await user.make("createConversation", "conversation")
    settings = settings_on(database, tmp_path)
    assert await problems(clock, settings) == []
    await execute(database, "UPDATE parley.feeds SET latest_since = now() + '1 day'")
    (finding,) = await problems(clock, settings)
    assert "of 1 user became active up to 24 hours in the future" in finding.problem
    await execute(database, "UPDATE parley.feeds SET latest_since = now()")
    assert await problems(clock, settings) == []


async def test_activity_in_the_future_is_hidden_from_the_serving_role(installed: Settings) -> None:
    result = await run_check(clock, installed.model_copy(update={"owner_url": None}))
    assert result.not_checked == "Row-level security hides users' rows, and PARLEY_OWNER_URL is not set."


@pytest.mark.parametrize(
    ("total", "free", "severity"),
    [
        (100 * GB, 50 * GB, []),
        (100 * GB, 5 * GB, []),
        (100 * GB, GB, [Severity.WARNING]),
        (4 * GB, GB, []),
        (100 * GB, GB // 8, [Severity.ERROR]),
    ],
)
def test_disk_is_low_below_a_share_and_an_amount(total: int, free: int, severity: list[Severity]) -> None:
    assert [finding.severity for finding in space("/data", total, free)] == severity


async def test_disk_of_another_machine_is_not_checked(installed: Settings, tmp_path: Path) -> None:
    assert "on its own machine only" in str((await run_check(disk_space, installed)).not_checked)
    assert (await run_check(disk_space, settings_for(tmp_path))).not_checked is None
    missing = await run_check(disk_space, settings_for(tmp_path / "missing"))
    assert "No such file" in str(missing.not_checked)


async def test_slow_build_of_python_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/opt/python")
    for options, notes in (("'--prefix=/opt/python'", 1), ("'--enable-optimizations'", 0)):
        monkeypatch.setattr(sysconfig, "get_config_var", lambda _, options=options: options)
        assert len((await run_check(python_build, settings_for(tmp_path))).findings) == notes
