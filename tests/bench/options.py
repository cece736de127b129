"""Options that the benchmarks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from gateway.data.server.embedded import throw_away_directory

Item = TypeVar("Item")


def chosen(names: str | None, items: Sequence[Item], name_of: Callable[[Item], str]) -> list[Item]:
    """The items that are named, separated by commas; all without names. Raises `SystemExit` for an unknown name."""
    if names is None:
        return list(items)
    by_name = {name_of(item): item for item in items}
    if unknown := set(names.split(",")) - by_name.keys():
        raise SystemExit(f"No such thing: {', '.join(sorted(unknown))}. There are: {', '.join(by_name)}")
    return [item for name, item in by_name.items() if name in names.split(",")]


@contextmanager
def kept_or_temporary(directory: Path | None) -> Iterator[Path]:
    """Where the data is to be: in the directory that was named, or in one that is removed at the end."""
    if directory is not None:
        yield directory.resolve()
        return
    with throw_away_directory("parley-bench-") as temporary:
        yield temporary
