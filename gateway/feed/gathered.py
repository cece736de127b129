"""Batches signals that arrive at nearly the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress


async def gathered(signals: AsyncIterator[bytes], *, within: float, quiet: float) -> list[bytes]:
    """The next signal and those within `within` seconds after it; none if no signal arrives for `quiet` seconds.

    A signal that arrives as the time runs out is not lost; the next call returns it first.
    """
    received: list[bytes] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(quiet):
            received.append(await anext(signals))
        async with asyncio.timeout(within):
            while True:
                received.append(await anext(signals))
    return received
