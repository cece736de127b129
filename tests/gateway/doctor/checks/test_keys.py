"""Keys that are missing, open to others or in danger are found."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

from gateway.auth.keyring import load_or_create
from gateway.config import Settings
from gateway.doctor.checks.keys import encryption_keys, signing_keys
from gateway.doctor.finding import Severity
from tests.gateway.auth.older_keys import keys_of_an_older_parley
from tests.gateway.doctor.checking import paste, problems, run_check, settings_on
from tests.kit.database import Database
from tests.kit.serving import Serving


async def test_missing_keys_of_a_new_installation_are_noted(installed: Settings) -> None:
    result = await run_check(signing_keys, installed)
    assert result.status == "note"
    assert not installed.signing_keys.exists()


async def test_missing_keys_of_an_installation_with_sessions_are_a_warning(
    database: Database, tmp_path: Path, serving: Serving
) -> None:
    await serving.signed_up()
    settings = settings_on(database, tmp_path)
    (finding,) = await problems(signing_keys, settings)
    assert "does not exist, but there are sessions" in finding.problem
    load_or_create(settings.signing_keys)
    assert await problems(signing_keys, settings) == []


async def test_age_of_the_keys_is_told(installed: Settings) -> None:
    load_or_create(installed.signing_keys)
    (finding,) = (await run_check(signing_keys, installed)).findings
    assert "everyone must sign in again" in finding.problem
    assert 0 <= int(finding.facts["age_seconds"] or 0) < 3600


async def test_keys_that_others_may_read_are_an_error(installed: Settings) -> None:
    load_or_create(installed.signing_keys)
    installed.signing_keys.chmod(0o644)
    (finding,) = await problems(signing_keys, installed)
    assert finding.severity is Severity.ERROR
    await paste(finding, installed)
    assert await problems(signing_keys, installed) == []


async def test_keys_that_are_none_are_an_error(installed: Settings) -> None:
    installed.signing_keys.write_text("{}")
    installed.signing_keys.chmod(0o600)
    (finding,) = await problems(signing_keys, installed)
    assert (finding.severity, finding.command) == (Severity.ERROR, "")


async def test_directory_in_which_others_may_replace_the_keys_is_found(installed: Settings) -> None:
    load_or_create(installed.signing_keys)
    installed.data_dir.chmod(0o777)
    (finding,) = await problems(signing_keys, installed)
    await paste(finding, installed)
    assert await problems(signing_keys, installed) == []


async def test_rotation_that_did_not_end_is_found(installed: Settings) -> None:
    load_or_create(installed.signing_keys)
    unfinished = installed.signing_keys.with_name("signing-keys.json.next")
    unfinished.touch()
    (finding,) = await problems(signing_keys, installed)
    await paste(finding, installed)
    assert not unfinished.exists()
    assert await problems(signing_keys, installed) == []


async def test_a_file_without_a_key_for_secrets_is_an_error_until_one_is_added(
    database: Database, tmp_path: Path
) -> None:
    settings = settings_on(database, tmp_path)
    (tmp_path / "old").mkdir()
    keys = json.loads(keys_of_an_older_parley(tmp_path / "old" / "keys.json"))
    settings.signing_keys.write_text(json.dumps(keys))
    settings.signing_keys.chmod(0o600)
    (finding,) = await problems(encryption_keys, settings)
    assert "has no key-encryption key" in finding.problem
    await paste(finding, settings)
    assert await problems(encryption_keys, settings) == []


async def test_data_keys_that_nothing_unwraps_and_keys_that_expire_are_found(
    database: Database, tmp_path: Path, serving: Serving
) -> None:
    settings = settings_on(database, tmp_path)
    user = await serving.signed_up()
    soon = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)).isoformat()
    values = {"provider": "openai", "apiKey": "sk-0123456789ab", "expiresAt": soon}
    await user.make("createProviderKey", "providerKey", **values)
    load_or_create(settings.signing_keys)
    (finding,) = await problems(encryption_keys, settings)
    assert finding.severity is Severity.ERROR
    assert "1 data key cannot be opened" in finding.problem
    own = serving.gateway.resources.vault
    settings = settings_on(database, tmp_path, signing_keys=own._wrapper._path)  # type: ignore[attr-defined]
    result = await run_check(encryption_keys, settings)
    assert [finding.problem for finding in result.findings] == [
        "Users have 1 provider key that will expire within 7 days."
    ]
