"""Says what takes long while it happens: a spinner in a terminal, plain log lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import structlog
from rich.console import Console

log = structlog.stdlib.get_logger(__name__)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show `text` for as long as the block runs, and then how many seconds that took.

    Standard error carries it, so that what a command prints can still be piped. A step that fails leaves no
    line of its own: the error that ended it is the news.
    """
    console = Console(stderr=True, highlight=False)
    started = perf_counter()
    if console.is_terminal:
        with console.status(text):
            yield
        console.print(f"[green]✓[/green] {text} [dim]{perf_counter() - started:.1f} s[/dim]")
    else:
        log.info(text)
        yield
        log.info(f"{text} done", seconds=round(perf_counter() - started, 1))


def tell(text: str) -> None:
    """One line for the person who runs the command, on standard error, free of log decoration."""
    print(text, file=sys.stderr, flush=True)
