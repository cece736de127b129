"""Root runs the server as a user that exists, and leaves directories and users as they are."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gateway.config import ROOTS_DIRECTORY, default_data_dir
from gateway.data.server import os_user, programs
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.refusal import Refusal
from tests.kit.database import data_directory

LITTLE = {"shared_buffers": "16MB", "fsync": "off"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")


@pytest.fixture
def passable() -> Iterator[Path]:
    """A directory of this test alone, which all users may traverse."""
    with data_directory() as directory:
        yield directory


@pytest.fixture
def closed(passable: Path) -> Path:
    """A directory like root's home."""
    made = passable / "home"
    made.mkdir(mode=0o700)
    return made


def modes(directory: Path) -> dict[Path, int]:
    """The permissions of a directory and of all above it."""
    return {each: stat.S_IMODE(each.stat().st_mode) for each in (directory, *directory.parents)}


def runs_as(data_dir: Path) -> str:
    """Start the server of a data directory, and stop it again: the user that it ran as."""

    async def started_and_stopped() -> str:
        embedded = await EmbeddedDatabase.start(data_dir, LITTLE)
        try:
            return psutil.Process(embedded.process_id).username()
        finally:
            await embedded.stop()

    return asyncio.run(started_and_stopped())


def test_directory_that_the_server_cannot_enter_is_named_and_left_as_it_is(closed: Path) -> None:
    before = modes(closed)
    with pytest.raises(Refusal, match=rf"cannot enter {closed} \(mode 700\)") as caught:
        runs_as(closed / "share" / "parley")
    assert modes(closed) == before
    assert os.listdir(closed) == []
    (advice,) = re.findall(r"chmod .*", str(caught.value))
    subprocess.run(advice, shell=True, check=True)  # noqa: S602 - as a person pastes it
    runs_as(closed / "share" / "parley")
    assert modes(closed)[closed] == 0o701


def test_data_can_be_moved_out_as_advised(closed: Path, passable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = passable / "outside"
    monkeypatch.setattr(os_user, "ROOTS_DIRECTORY", outside)
    closed.chmod(0o701)  # as earlier versions did it by themselves
    runs_as(closed / "parley")
    closed.chmod(0o700)
    with pytest.raises(Refusal) as caught:
        runs_as(closed / "parley")
    (advice,) = re.findall(r"mv .*", str(caught.value))
    subprocess.run(advice, shell=True, check=True)  # noqa: S602 - as a person pastes it
    runs_as(outside)


def test_no_user_is_created(passable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os_user, "USERS", ("no-such-user", "nobody"))
    before = pwd.getpwall()
    assert runs_as(passable / "data") == "nobody"
    assert pwd.getpwall() == before
    monkeypatch.setattr(os_user, "USERS", ("no-such-user",))
    with pytest.raises(Refusal, match="useradd --system"):
        runs_as(passable / "other")


def test_data_stays_with_the_user_that_owns_it(passable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os_user, "USERS", ("nobody",))
    runs_as(passable / "data")
    monkeypatch.setattr(os_user, "USERS", ("daemon",))
    assert runs_as(passable / "data") == "nobody"


def test_directories_that_are_made_can_be_entered_whatever_the_umask(passable: Path) -> None:
    usual = os.umask(0o077)
    try:
        runs_as(passable / "one" / "two")
    finally:
        os.umask(usual)
    assert modes(passable / "one" / "two")[passable / "one"] == 0o711


def test_programs_that_the_user_cannot_reach_are_copied(
    passable: Path, closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = programs.installation().parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, closed / part.name, symlinks=True)
    before = modes(closed / package.name)
    monkeypatch.syspath_prepend(str(closed))
    monkeypatch.setattr(programs, "COPIES", passable / "copies")
    assert programs.installation().is_relative_to(closed)
    runs_as(passable / "data")
    runs_as(passable / "data")
    assert len(os.listdir(passable / "copies")) == 1
    assert modes(closed / package.name) == before


def test_default_of_root_is_a_directory_outside_but_where_there_is_data_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_dir() == ROOTS_DIRECTORY
    (tmp_path / "parley").mkdir()
    assert default_data_dir() == tmp_path / "parley"
