"""What is installed without the checkout, as in a container, has every file that the code reads."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("gateway", "resolvers", "sql")
FOR_NPM_ALONE = {".npmrc"}


def test_every_file_of_the_packages_is_packed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = [*project["tool"]["setuptools"]["package-data"]["*"], "*.py"]
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    packed = [path for path in files if not {"node_modules", "__pycache__"} & set(path.parts)]
    assert packed
    left_out = [path for path in packed if not any(fnmatch(path.name, pattern) for pattern in patterns)]
    assert {path.name for path in left_out} <= FOR_NPM_ALONE
