"""Read the iterables that resolvers return for lists, to their end or as far as needed."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from typing import Any

from graphql.pyutils import is_awaitable


class Broken(list[Any]):
    """A list whose iterable raised after these items."""

    def __init__(self, items: list[Any], error: Exception) -> None:
        super().__init__(items)
        self.error = error


class Spoilt(list[Any]):
    """A list that was read only up to an item that makes it null."""


def collected(items: Iterable[Any]) -> list[Any]:
    """Read all items, or those up to an exception."""
    read = []
    try:
        for item in items:
            read.append(item)  # noqa: PERF402 - keeps the items that come before an exception
    except Exception as error:  # noqa: BLE001 - the boundary of a field
        return Broken(read, error)
    return read


async def collected_from(items: AsyncIterable[Any], fails: Callable[[Any], bool] | None) -> list[Any]:
    """Read all items, or those up to an exception or to one that `fails`. An iterator that is cut short is closed."""
    iterator = aiter(items)
    read: list[Any] = []
    try:
        async for item in iterator:
            read.append(item)
            if fails is not None and not is_awaitable(item) and fails(item):
                await _close(iterator)
                return Spoilt(read)
    except Exception as error:  # noqa: BLE001 - the boundary of a field
        await _close(iterator)
        return Broken(read, error)
    except BaseException:
        for item in read:
            if (close := getattr(item, "close", None)) is not None and is_awaitable(item):
                close()  # a coroutine that is never awaited would warn
        await _close(iterator)
        raise
    return read


async def _close(iterator: Any) -> None:
    if (close := getattr(iterator, "aclose", None)) is not None:
        with suppress(Exception):
            await close()
