"""What comes at nearly the same time, taken together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress


async def gathered(signals: AsyncIterator[bytes], *, within: float, quiet: float) -> list[bytes]:
    """The next signal, and those that come within so many seconds of it; none after `quiet` seconds without any.

    A signal that comes as the time is up is not lost: it is the first of the next call.
    """
    found: list[bytes] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(quiet):
            found.append(await anext(signals))
        async with asyncio.timeout(within):
            while True:
                found.append(await anext(signals))
    return found
