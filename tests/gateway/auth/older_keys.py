"""A file of keys as older versions of Parley made it: without a key-encryption key."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.auth.keyring import load_or_create


def keys_of_an_older_parley(path: Path) -> str:
    """Write the file, and return its text."""
    load_or_create(path)
    keys = [key for key in json.loads(path.read_text())["keys"] if key.get("use") != "enc"]
    text = json.dumps({"keys": keys})
    path.write_text(text)
    return text
