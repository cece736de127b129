"""Reading the iterables that resolvers give for lists, to their end or as far as it matters."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from typing import Any

from graphql.pyutils import is_awaitable


class Broken(list[Any]):
    """A list that could only be read so far."""

    def __init__(self, items: list[Any], error: Exception) -> None:
        super().__init__(items)
        self.error = error


class Spoilt(list[Any]):
    """A list that was not read on after an item that may not be null."""


def collected(items: Iterable[Any]) -> list[Any]:
    """The items, as far as they can be read."""
    found = []
    try:
        for item in items:
            found.append(item)  # noqa: PERF402 - what was read before it breaks counts
    except Exception as error:  # noqa: BLE001 - the boundary of a field
        return Broken(found, error)
    return found


async def collected_from(items: AsyncIterable[Any], fails: Callable[[Any], bool] | None) -> list[Any]:
    """The items, up to one that `fails`. An iterator that is not read to its end is closed."""
    iterator = aiter(items)
    found: list[Any] = []
    try:
        async for item in iterator:
            found.append(item)
            if fails is not None and not is_awaitable(item) and fails(item):
                await _close(iterator)
                return Spoilt(found)
    except Exception as error:  # noqa: BLE001 - the boundary of a field
        await _close(iterator)
        return Broken(found, error)
    except BaseException:
        for item in found:
            if (close := getattr(item, "close", None)) is not None and is_awaitable(item):
                close()  # a coroutine that was never begun would warn of it
        await _close(iterator)
        raise
    return found


async def _close(iterator: Any) -> None:
    if (close := getattr(iterator, "aclose", None)) is not None:
        with suppress(Exception):
            await close()
