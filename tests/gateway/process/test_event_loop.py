"""Everything runs on the fast event loop where there is one, and on Python's own elsewhere."""

from __future__ import annotations

import asyncio
import gc
import sys

import pytest

from gateway.event_loop import run, without_collection


async def loop_in_use() -> str:
    """Which package the running loop comes from."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no uvloop")
def test_uvloop_is_used() -> None:
    assert run(loop_in_use()) == "uvloop"


def test_without_uvloop_pythons_own_loop_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run(loop_in_use()) == "asyncio"


def test_no_garbage_is_collected_in_the_block() -> None:
    assert gc.isenabled()
    with without_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
