"""Core files: a process that opens secrets must leave none behind when it crashes."""

from __future__ import annotations

import sys


def forbid_core_files() -> None:
    """Have the system write no core file of this process or of those that it starts."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
