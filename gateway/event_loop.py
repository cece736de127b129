"""What everything runs on: the event loop, and the garbage collector's manners."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

from gateway.telemetry.histogram import Histogram

T = TypeVar("T")

LOOK_SECONDS = 0.5


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end, on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


async def measure_lag(lags: Histogram) -> None:
    """Note twice a second, for ever, how late the event loop gets to what is due: so long does everybody wait."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        lags.add(max(0.0, loop.time() - due))


def begin_to_serve() -> None:
    """Tell the garbage collector that what there is now stays, and to look less often at what comes.

    The objects of a request go when the last of them is let go of; looking for circles among those that are in use
    costs a large request a tenth of its time, and more when they no longer fit the processor's cache.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
