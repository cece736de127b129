"""A run of a subscription that finds no room."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import Overloaded
from gateway.live.counts import Counts
from gateway.live.run import Caller, EventRunner

pytestmark = pytest.mark.asyncio


class Rows:
    """What a run has read."""


class Engine:
    """One whose budget keeps the error that ends each run, as the one of an operation does."""

    unread = None
    failure: Exception

    def __init__(self) -> None:
        self.read: list[weakref.ref[Rows]] = []

    async def run_events(self, *arguments: object) -> Any:
        rows = Rows()
        self.read.append(weakref.ref(rows))
        self.failure = Overloaded("Your other large operations must finish before this one can run.", retryAfter=1)
        raise self.failure


class Context:
    async def release(self) -> None:
        """Nothing is open."""


async def test_error_that_is_tried_again_holds_nothing_of_what_was_read() -> None:
    engine = Engine()
    contexts = SimpleNamespace(open=lambda *arguments: Context())
    feed = SimpleNamespace(event=lambda change: change)
    runner = EventRunner(cast("Any", engine), cast("Any", contexts), cast("Any", None), cast("Any", feed), Counts())
    gc.disable()
    try:
        ran = await runner._run([], Caller(lambda: None, cast("Any", None)))
        assert ran.spoilt is engine.failure
        assert engine.read[0]() is None
    finally:
        gc.enable()
