"""Options that name some of several things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def chosen(names: str | None, items: Sequence[Item], name_of: Callable[[Item], str]) -> list[Item]:
    """The items that are named, separated by commas; all without names. Raises `SystemExit` for an unknown name."""
    if names is None:
        return list(items)
    by_name = {name_of(item): item for item in items}
    if unknown := set(names.split(",")) - by_name.keys():
        raise SystemExit(f"No such thing: {', '.join(sorted(unknown))}. There are: {', '.join(by_name)}")
    return [item for name, item in by_name.items() if name in names.split(",")]
