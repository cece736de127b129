"""The event loop, its lag, and the settings of the garbage collector."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from gateway.telemetry.histogram import Histogram

T = TypeVar("T")

LOOK_SECONDS = 0.5


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on uvloop if it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def measure_lag(lags: Histogram) -> None:
    """Measure twice a second, for ever, how late the event loop runs a due callback."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        lags.add(max(0.0, loop.time() - due))


@contextmanager
def without_collection() -> Iterator[None]:
    """Collect no garbage in the block, which makes a schema and other objects that stay.

    While they are made, each collection would search all of them again, which takes a quarter of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def begin_to_serve() -> None:
    """Freeze the objects that exist now, and make garbage collection less frequent.

    Reference counting frees the objects of a request. Searching objects in use for cycles costs a large request a tenth
    of its time, and more once they no longer fit into the processor's cache.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
