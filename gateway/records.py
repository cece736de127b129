"""Facts that one command leaves for another: small JSON files in the data directory."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BACKUP = "last-backup.json"
"""The last backup of a database, left by `parley backup`."""

SIZES = "doctor-sizes.json"
"""The sizes of the tables at an earlier time, left by `parley doctor`."""


def keep(directory: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Write facts to a file, replacing earlier ones. Raises `OSError` if the directory is missing or not writable."""
    descriptor, draft = tempfile.mkstemp(dir=directory, prefix=".record-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(facts, file, indent=2)
        os.replace(draft, directory / name)
    except BaseException:
        os.unlink(draft)
        raise


def kept(directory: Path, name: str) -> dict[str, Any] | None:
    """The facts in a file; None if there is none, or it is damaged. Raises `OSError` if it cannot be read."""
    try:
        facts = json.loads((directory / name).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None
