"""The key file: made once, private, whole at any moment, and clear about what is wrong with it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from gateway.auth.keyring import (
    KEPT_KEYS,
    KeyFileError,
    KeyRing,
    add_encryption_key,
    drop_encryption_key,
    load,
    load_or_create,
    rotate,
)
from tests.gateway.auth.older_keys import keys_of_an_older_parley

ROOT = Path(__file__).parents[3]
PREPARE = """
import sys
from pathlib import Path
from gateway.auth.keyring import KeyFileError, load_or_create, rotate
path = Path(sys.argv[1])
input()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "keys.json"


def contents(path: Path) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(path.read_text())["keys"]
    return keys


def key_ids(keys: KeyRing) -> list[str | None]:
    return [key.kid for key in keys.verifying]


def started_at_once(script: str, path: Path, count: int = 6) -> list[str]:
    """What `count` processes print that have all been imported before the first is let go."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PREPARE + script, str(path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    results = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert [(errors, code) for (_, errors), code in results] == [("", 0)] * count
    return [output.strip() for (output, _), _ in results]


def test_first_start_makes_a_private_file(path: Path) -> None:
    keys = load_or_create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert keys.signing.is_private
    assert keys.signing.curve_name == "Ed25519"
    assert len(keys.refresh_key) == 32
    assert os.listdir(path.parent) == [path.name]


def test_a_loose_umask_does_not_open_the_file(path: Path) -> None:
    before = os.umask(0)
    try:
        load_or_create(path)
        rotate(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_second_start_has_the_same_keys(path: Path) -> None:
    first, second = load_or_create(path), load_or_create(path)
    assert key_ids(first) == key_ids(second)
    assert first.refresh_key == second.refresh_key


def test_two_files_have_different_keys(tmp_path: Path) -> None:
    first, second = load_or_create(tmp_path / "1.json"), load_or_create(tmp_path / "2.json")
    assert first.signing.kid != second.signing.kid
    assert first.refresh_key != second.refresh_key


def test_processes_that_start_at_once_agree_on_the_keys(path: Path) -> None:
    seen = started_at_once("keys = load_or_create(path); print(keys.signing.kid, keys.refresh_key.hex())", path)
    keys = load_or_create(path)
    assert set(seen) == {f"{keys.signing.kid} {keys.refresh_key.hex()}"}
    assert os.listdir(path.parent) == [path.name]


def test_who_loses_the_race_to_be_first_takes_the_keys_of_the_winner(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    winners: list[KeyRing] = []
    sync = os.fsync

    def overtaken(descriptor: int) -> None:
        sync(descriptor)
        monkeypatch.setattr(os, "fsync", sync)
        winners.append(load_or_create(path))

    monkeypatch.setattr(os, "fsync", overtaken)
    loser = load_or_create(path)
    assert key_ids(loser) == key_ids(winners[0]) == key_ids(load_or_create(path))
    assert os.listdir(path.parent) == [path.name]


def test_rotations_at_once_lose_no_key(path: Path) -> None:
    first = load_or_create(path).signing.kid
    script = "\ntry: print(rotate(path).signing.kid)\nexcept KeyFileError: print('refused')"
    made = [answer for answer in started_at_once(script, path) if answer != "refused"]
    assert made
    assert set(key_ids(load_or_create(path))) == {first, *made}
    assert os.listdir(path.parent) == [path.name]


def test_rotation_signs_with_a_new_key_and_keeps_only_the_public_part_of_the_old(path: Path) -> None:
    old = load_or_create(path)
    new = rotate(path)
    assert new.signing.kid != old.signing.kid
    assert key_ids(new) == [new.signing.kid, old.signing.kid]
    assert [key.is_private for key in new.verifying] == [True, False]
    assert [("d" in key) for key in contents(path) if key["kty"] == "OKP"] == [True, False]
    assert key_ids(load_or_create(path)) == key_ids(new)


def test_rotation_keeps_the_refresh_key(path: Path) -> None:
    assert load_or_create(path).refresh_key == rotate(path).refresh_key


def test_many_rotations_keep_the_file_small(path: Path) -> None:
    load_or_create(path)
    made = [rotate(path).signing.kid for _ in range(KEPT_KEYS + 2)]
    assert key_ids(load_or_create(path)) == made[: -KEPT_KEYS - 1 : -1]


def test_a_rotation_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_or_create(path)
    before = path.read_bytes()

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(KeyFileError, match="No space left"):
        rotate(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_first_start_that_fails_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(KeyFileError, match="No space left"):
        load_or_create(path)
    assert os.listdir(path.parent) == []


def test_a_rotation_is_refused_while_another_is_under_way(path: Path) -> None:
    load_or_create(path)
    path.with_name("keys.json.next").touch()
    with pytest.raises(KeyFileError, match="another rotation is in progress"):
        rotate(path)


def test_rotation_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"PARLEY_SIGNING_KEYS: .*No such file"):
        rotate(tmp_path / "keys.json")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o644, 0o606, 0o601])
def test_a_file_that_is_open_to_others_is_refused(path: Path, mode: int) -> None:
    load_or_create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_or_create(path)


def test_a_file_in_the_way_of_the_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KeyFileError, match="PARLEY_SIGNING_KEYS"):
        load_or_create(tmp_path / "file" / "keys.json")


def test_keys_of_another_tool_are_understood(path: Path) -> None:
    ours = OKPKey.generate_key("Ed25519").as_dict(private=True, alg="Ed25519", key_ops=["sign", "verify"])
    elliptic = ECKey.generate_key("P-256").as_dict(private=True)
    refresh = OctKey.generate_key(256).as_dict(private=True, kid="refresh")
    path.parent.mkdir()
    path.touch(0o600)
    path.write_text(json.dumps({"keys": [elliptic, ours, {"kty": "AKP"}, refresh]}))
    assert key_ids(load_or_create(path)) == [OKPKey.import_key(ours).thumbprint()]


def _without_refresh(keys: list[dict[str, Any]]) -> object:
    return {"keys": keys[:1]}


def _short_refresh(keys: list[dict[str, Any]]) -> object:
    return {"keys": [keys[0], {**keys[1], "k": "c2hvcnRzaG9ydHNob3J0c2hvcnQ"}]}


def _public_first(keys: list[dict[str, Any]]) -> object:
    return {"keys": [{name: value for name, value in keys[0].items() if name != "d"}, keys[1]]}


def _damaged(keys: list[dict[str, Any]]) -> object:
    return {"keys": [{**keys[0], "d": keys[0]["d"][:-3]}, keys[1]]}


def _wrong_curve(keys: list[dict[str, Any]]) -> object:
    return {"keys": [OKPKey.generate_key("Ed448").as_dict(private=True), keys[1]]}


def _same_id(keys: list[dict[str, Any]]) -> object:
    other = OKPKey.generate_key("Ed25519").as_dict(private=True, kid=keys[0]["kid"])
    return {"keys": [keys[0], other, keys[1]]}


@pytest.mark.parametrize(
    "broken",
    [
        _without_refresh,
        _short_refresh,
        _public_first,
        _damaged,
        _wrong_curve,
        _same_id,
        lambda keys: {"keys": []},
        lambda keys: {"keys": [1]},
        lambda keys: {"keys": [{"kty": ["OKP"]}]},
        lambda keys: {"keys": [{"kty": "OKP"}]},
        lambda keys: {"other": keys},
        lambda keys: keys,
        lambda keys: None,
    ],
)
def test_an_unusable_file_is_named_by_its_setting_and_shows_no_key(
    path: Path, broken: Callable[[list[dict[str, Any]]], object]
) -> None:
    load_or_create(path)
    secrets = [key.get("d") or key["k"] for key in contents(path)]
    path.write_text(json.dumps(broken(contents(path))))
    with pytest.raises(KeyFileError, match=r"^PARLEY_SIGNING_KEYS: ") as refusal:
        load_or_create(path)
    assert refusal.value.__cause__ is None
    assert not any(secret in str(refusal.value) for secret in secrets)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_a_file_that_is_not_json_is_refused_and_left_alone(path: Path, text: bytes) -> None:
    load_or_create(path)
    path.write_bytes(text)
    for use in (load_or_create, rotate):
        with pytest.raises(KeyFileError, match="does not contain a JWK set"):
            use(path)
    assert path.read_bytes() == text


def test_keys_do_not_show_in_a_log(path: Path) -> None:
    shown = repr(keys := load_or_create(path))
    assert repr(keys.refresh_key) not in shown
    assert str(keys.signing["d"]) not in shown


def test_the_first_start_makes_a_key_for_secrets(path: Path) -> None:
    (key,) = load_or_create(path).encrypting
    assert len(key.key) == 32
    assert repr(key.key) not in repr(key)
    assert load_or_create(path).encrypting == (key,)


def test_an_older_file_gets_one_and_keeps_its_other_keys(path: Path) -> None:
    old = json.loads(keys_of_an_older_parley(path))["keys"]
    assert load(path).encrypting == ()
    (key,) = load_or_create(path).encrypting
    assert [each for each in contents(path) if each["kid"] != key.id] == old
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_processes_that_start_at_once_on_an_older_file_agree_on_its_key(path: Path) -> None:
    keys_of_an_older_parley(path)
    said = started_at_once("print(load_or_create(path).encrypting[0].id)", path)
    assert len(set(said)) == 1
    assert [key.id for key in load(path).encrypting] == [said[0]]


def test_an_older_file_that_is_being_changed_is_used_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys_of_an_older_parley(path)
    monkeypatch.setattr("gateway.auth.keyring.PATIENCE_SECONDS", 0)
    path.with_name(path.name + ".next").touch()
    assert load_or_create(path).encrypting == ()


def test_the_newest_key_for_secrets_comes_first_and_one_can_be_dropped(path: Path) -> None:
    (old,) = load_or_create(path).encrypting
    new, still = add_encryption_key(path).encrypting
    assert still == old
    assert (new.made_at or 0) >= (old.made_at or 0)
    assert rotate(path).encrypting == (new, old)
    assert drop_encryption_key(path, old.id).encrypting == (new,)
    assert drop_encryption_key(path, old.id).encrypting == (new,)
    assert drop_encryption_key(path, "refresh").refresh_key == load(path).refresh_key


@pytest.mark.parametrize("change", [{"k": "A" * 40}, {"kid": ""}, {"kid": 5}, {"kid": "x" * 101}])
def test_a_key_for_secrets_that_is_none_is_refused(path: Path, change: dict[str, Any]) -> None:
    load_or_create(path)
    keys = [{**key, **change} if key.get("use") == "enc" else key for key in contents(path)]
    path.write_text(json.dumps({"keys": keys}))
    with pytest.raises(KeyFileError, match="cannot be read"):
        load(path)
