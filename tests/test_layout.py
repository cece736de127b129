"""A file can be read in one sitting, and a folder taken in at a glance."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES = 400
MOST_MODULES = 15
VAGUE = {"base", "common", "helpers", "manager", "misc", "service", "util", "utils"}


def files(*folders: str) -> list[Path]:
    """The Python files that git knows, or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *(f"{each}/**.py" for each in folders)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("this is no checkout")
    return [ROOT / name for name in found.stdout.splitlines() if (ROOT / name).exists()]


def test_no_file_is_long() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in files("gateway", "resolvers", "tests")}
    assert lines
    assert {str(path): count for path, count in lines.items() if count > MOST_LINES} == {}


def test_no_folder_of_the_gateway_holds_many_modules() -> None:
    modules = Counter(path.parent.relative_to(ROOT) for path in files("gateway", "resolvers"))
    assert {str(folder): count for folder, count in modules.items() if count > MOST_MODULES} == {}


def test_names_say_what_is_inside() -> None:
    assert [str(path) for path in files("gateway", "resolvers", "tests") if path.stem in VAGUE] == []
