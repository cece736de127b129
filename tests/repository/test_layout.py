"""A file can be read in one sitting, and a folder taken in at a glance."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MOST_LINES = 400
MOST_MODULES = 15
VAGUE = {"base", "common", "helpers", "manager", "misc", "service", "util", "utils"}


def files(*folders: str, suffix: str = "py") -> list[Path]:
    """The Python files, or others, that git knows, or would."""
    patterns = [f"{each}/**.{suffix}" for each in folders]
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("this is no checkout")
    return [ROOT / name for name in found.stdout.splitlines() if (ROOT / name).exists()]


def test_no_file_is_long() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in files("gateway", "resolvers", "tests")}
    assert lines
    assert {str(path): count for path, count in lines.items() if count > MOST_LINES} == {}


def test_no_folder_holds_many_files() -> None:
    found = [*files("gateway", "resolvers", "tests"), *files("sql", suffix="sql")]
    modules = Counter(path.parent.relative_to(ROOT) for path in found)
    assert modules[Path("sql", "functions", "chat")] > 1
    del modules[Path("sql", "migrations")]  # of which there are ever more
    assert {str(folder): count for folder, count in modules.items() if count > MOST_MODULES} == {}


def test_names_say_what_is_inside() -> None:
    assert [str(path) for path in files("gateway", "resolvers", "tests") if path.stem in VAGUE] == []
