"""Says what takes long while it happens: a spinner or a bar in a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from gateway.telemetry.log import writes_json

REPEAT_SECONDS = 2.5
"""How often a log is told that a step still runs."""

Advance = Callable[[int], None]
"""Tells of so many more units of work that are done."""

log = structlog.stdlib.get_logger(__name__)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show `text` for as long as the block runs, and then how many seconds that took.

    Standard error carries it, so that what a command prints can still be piped. A step that fails leaves no
    line of its own: the error that ended it is the news.
    """
    console = _console()
    started = perf_counter()
    if _in_a_terminal(console):
        with console.status(text):
            yield
        _done(console, text, started)
    else:
        with _repeated(text, started, dict):
            yield


@contextmanager
def unless_quick(text: str) -> Iterator[None]:
    """Show `text` if the block takes longer than most people wait without asking; else leave no trace."""
    console = _console()
    if _in_a_terminal(console):
        with console.status(text):
            yield
    else:
        with _spoken(text, perf_counter(), dict):
            yield


@contextmanager
def bar(text: str, total: int) -> Iterator[Advance]:
    """Show how much of `total` is done for as long as the block runs. What is given may be called from a thread."""
    console = _console()
    started = perf_counter()
    if _in_a_terminal(console):
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(text, total=max(total, 1))
            yield lambda amount: progress.advance(task, amount)
        _done(console, text, started)
    else:
        done = 0

        def advance(amount: int) -> None:
            nonlocal done
            done += amount

        with _repeated(text, started, lambda: {"percent": min(100, 100 * done // max(total, 1))}):
            yield advance


def tell(text: str, level: int = logging.INFO) -> None:
    """One message for the person who runs the command, on standard error, whatever the log level.

    Free of decoration, but where logs are JSON: there it is a line of JSON like any other.
    """
    if writes_json():
        logger = logging.getLogger("gateway")
        logger.handle(logger.makeRecord(logger.name, level, __file__, 0, text.strip(), (), None))
    else:
        print(text, file=sys.stderr, flush=True)


@contextmanager
def _repeated(text: str, started: float, facts: Callable[[], dict[str, int]]) -> Iterator[None]:
    """Log the beginning and the end of a block, and every few seconds that it goes on."""
    log.info(text)
    with _spoken(text, started, facts):
        yield
    log.info(f"{text} done", seconds=_seconds_since(started))


@contextmanager
def _spoken(text: str, started: float, facts: Callable[[], dict[str, int]]) -> Iterator[None]:
    """Log every few seconds that a block goes on."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(REPEAT_SECONDS):
            log.info(f"{text} goes on", **facts(), seconds=_seconds_since(started))

    speaker = threading.Thread(target=repeat, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        ended.set()
        speaker.join()


def _console() -> Console:
    return Console(stderr=True, highlight=False)


def _in_a_terminal(console: Console) -> bool:
    return console.is_terminal and not writes_json()


def _done(console: Console, text: str, started: float) -> None:
    console.print(f"[green]✓[/green] {text} [dim]{_seconds_since(started)} s[/dim]")


def _seconds_since(started: float) -> float:
    return round(perf_counter() - started, 1)
