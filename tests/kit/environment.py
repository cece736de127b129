"""The environment variables of processes that tests start."""

from __future__ import annotations

import os


def without_settings(*also: str) -> dict[str, str]:
    """This process's variables without Parley's settings, and without those whose names begin with one of `also`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PARLEY_", *also))}
